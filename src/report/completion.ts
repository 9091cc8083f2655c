/**
 * The scripts that a shell reads to learn the TAB key, and what they are answered: lines of `value TAB description`, then one
 * of `:directive`. That is the protocol of @bomb.sh/tab, so that its own completion of `npx` and `pnpm exec` works with it.
 *
 * The scripts are ours, because those of the library for Bash and Zsh give the names to `eval` and `compgen -W`, which
 * execute the `$(…)` in a file's name; in these nothing is evaluated, and the shell itself quotes what it inserts.
 */
import type { Completions, Shell } from '../core/completions.ts';
import { printable } from '../core/printable.ts';

const DIRECTIVES = { files: 0, nothing: 4, directories: 16 } as const;

/** `kept` characters of each value are on the command line already, and the shell leaves them there. */
export function completionText({ offers, shellAdds }: Completions, kept: number): string {
  const lines = offers
    .filter(({ value }) => printable(value) === value) // a line end in a name would be two names
    .map(({ value, description }) => `${value.slice(kept)}\t${printable(description)}\n`);
  return `${lines.join('')}:${DIRECTIVES[shellAdds]}\n`;
}

export const completionScript = (shell: Shell): string => SCRIPTS[shell];

const SCRIPTS: Readonly<Record<Shell, string>> = {
  // Directories are offered beside the commands, as they may be given in the place of one; files where there is nothing else.
  bash: `
_codex_worker() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      *$'\\t'*) COMPREPLY+=("\${line%%$'\\t'*}") ;;
      :0) compopt -o plusdirs 2>/dev/null ;;
      :4) compopt +o default 2>/dev/null ;;
      :16) compopt +o default -o dirnames 2>/dev/null ;;
    esac
  done < <(codex-worker complete bash -- "$2" "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -o filenames -F _codex_worker codex-worker
`,
  zsh: `#compdef codex-worker
_codex-worker() {
  local line value directive=:4
  local -a offers
  for line in "\${(@f)$(codex-worker complete zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    if [[ $line == *$'\\t'* ]]; then
      value=\${line%%$'\\t'*}
      value=\${value//\\\\/\\\\\\\\}
      line=\${line#*$'\\t'}
      offers+=("\${value//:/\\\\:}\${line:+:$line}")
    else
      directive=$line
    fi
  done
  local -i found=1
  (( $#offers )) && _describe -t codex-worker codex-worker offers && found=0
  [[ $PREFIX == --*=* ]] && compset -P '*='
  case $directive in
    :0) _files && found=0 ;;
    :16) _files -/ && found=0 ;;
  esac
  return found
}
if [[ $funcstack[1] == _codex-worker ]]; then _codex-worker "$@"; else compdef _codex-worker codex-worker; fi
`,
  fish: `
function __codex_worker_ask
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -g __codex_worker_offers (codex-worker complete fish -- $words[2..-1] "$word" 2>/dev/null)
    set -g __codex_worker_directive $__codex_worker_offers[-1]
    set -e __codex_worker_offers[-1]
end
# Behind --cd= Fish offers files as well.
function __codex_worker_adds
    set -l adds nothing
    switch "$__codex_worker_directive"(commandline -ct)
        case ':0*' ':16--*=*'
            set adds files
        case ':16*'
            set adds directories
    end
    test $adds = $argv[1]
end
complete -c codex-worker -e
complete -c codex-worker -f
complete -c codex-worker -n __codex_worker_ask -a '$__codex_worker_offers'
complete -c codex-worker -n __codex_worker_ask -n '__codex_worker_adds files' -F
complete -c codex-worker -n __codex_worker_ask -n '__codex_worker_adds directories' -a '(__fish_complete_directories (commandline -ct) "")'
`,
};
