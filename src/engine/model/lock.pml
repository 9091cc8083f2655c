/* The lock protocol of codex-worker (ARCHITECTURE.md, "The lock protocol"), for exhaustive checking with Spin.
 *
 * ONE TASK T. PROCS processes that want it and restart when killed; KILLS SIGKILLs, each between any two system calls
 * of any of them or of a child; children (Codex) that outlive their owner; pauses without limit, because a process that
 * is not scheduled stands still. Every step `if … fi` with DIE in it is one system call of the program, named as in the
 * code: C1–C9 claim-task.ts and attempt.ts, F1–F4 conclude.ts, S0–S8 settle.ts.
 *
 * WHAT IS MERGED, and why nothing is lost by it. Calls that touch only a process's own unnamed or private files are part
 * of the next visible step (the temporary lock file, F2), unless the janitor of logs is on. A look whose answer is a fact
 * that stays true is one step with the look before it or with what is done about it: "X is not in the lock", "its holder
 * is dead", "the child has ended". A process that holds nothing and has seen nothing is not killed: to restart it changes
 * nothing. Who is killed starts again in the same step; one that never comes back is one that is not scheduled again.
 * A claim id is used once in the program; here its number is given to a new claim when no file, process or variable
 * names the old one any more, which no one can tell from a new number.
 *
 * ALWAYS CHECKED   never two children at once (atWork == 1) · none once the task has a result (!done) · the unlink of
 *                  the lock hits the claim it is meant for (lock == x) · one result · nobody waits for ever (end states)
 *                  · at the end there is a result and no lock. -DOVERLAP_ONLY leaves only the first and the end states.
 *
 * EXTENSIONS       -DJANITOR        removes rights of claims that are gone, at any time
 *                  -DLOG_JANITOR    removes running logs and temporary files that nobody can use any more, at any time;
 *                                   checked: no log is taken that is, or still can become, the log of a claim. It does not
 *                                   look for carriers of the cookie, which only makes it take more
 *                  -DDEATHS         attempts end as done, failed or retry; the MOST-th death fails the task
 *                  -DOLDER_FAILURE  a failed result stands there from before, and this run may supersede it
 *                  -DRESETS=n       a completed task is reset
 *                  -DTAKEOVER=n     a live owner is taken for dead (--takeover-after); runs may overlap then, so only
 *                                   results and the lock are checked
 *                  -DPOWER          one power cut: what no fsync of the directory covers is undone or not, each by itself
 *                  -DANON_RIGHT -DANON_LOCK   no hard links: right and lock appear empty and are filled later
 *                  -DCLONE          a temporary file of a living process is taken for one of the dead (cloned machines)
 *
 * TAKEN OUT        what each of the other flags does is said where it stands; each must make the check fail.
 */
#ifndef PROCS
#define PROCS 3
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef IDS
#define IDS (PROCS + KILLS + 1)      /* claims that something names at once; an assertion says when they run out */
#endif
#ifndef NAMES
#ifdef POWER
#define NAMES (KILLS + 2 * PROCS)
#else
#define NAMES (KILLS + PROCS)        /* .break-X.1 … : the chain grows by deaths, and late, to no effect, by who has ended */
#endif
#endif
#ifndef RESETS
#define RESETS 0
#endif
#ifndef MOST
#define MOST 2
#endif
#if defined(DEATHS) || defined(OLDER_FAILURE)
#define RESULTS                      /* what the log becomes is looked at step by step */
#endif

#define NOBODY 0
#define UNFILLED 254                 /* a right that was created and not written yet */
#define DEAD 255                     /* a right whose holder is dead; while it lives: 1 + its number */
#define ME (me + 1)

#define NO_CHILD 0
#define GATED 1
#define WORKS 2
#define OVER 3

#define NO_OUTCOME 0
#define SUCCEEDED 1
#define FAILED 2
#define RETRY 3

#define OLD 253                      /* the claim of the failure that was there before */

byte lock;                           /* the claim in .lock-T, 0: no such file */
byte right[(IDS + 1) * NAMES];       /* the holder of .break-X.n, 0: no such file */
bool used[IDS + 1];                  /* something names this claim */
bool alive[IDS + 1];                 /* the process that made the claim lives */
byte child[IDS + 1];
bool go[IDS + 1];
byte ending[IDS + 1];                   /* how the child ended, as its owner may learn it */
byte outcome[IDS + 1];               /* recorded in the lock file (F3) */
bool log[IDS + 1];                   /* .exec_log-T.X is there */
byte looksAt[PROCS];                 /* the claim that a process has in its variables */
byte atWork;                         /* children that work */
byte kills;
bool done;                           /* done_exec_log-T.txt is there */
byte over;                           /* processes that have ended */
#ifdef RESULTS
byte failed;                         /* failed_exec_log-T.txt: the claim whose log it is */
bool begun[IDS + 1];                 /* the log is not empty */
byte putDown;                           /* `died` in ended/ since the last result */
byte deaths;                         /* what really happened */
#define NO_RESULT (!done && (failed == NOBODY || failed == OLD))
#else
#define NO_RESULT (!done)
#endif
#if RESETS > 0
byte resets;
#endif
#ifdef TAKEOVER
byte suspected;
#endif
#ifdef DROP_IN_PLACE
bool dropped;
#endif
#ifdef NO_GATE
bool recorded[IDS + 1];
#endif
#ifdef ANON_LOCK
bool filled[IDS + 1];
#endif
#ifdef LOG_JANITOR
bool temporary[IDS + 1];             /* tmp/X.P is there */
bool hopes[IDS + 1];                 /* its process still means to claim with it */
bool deferred[IDS + 1];
#endif
#if defined(JANITOR) || defined(LOG_JANITOR)
byte janitorSees;
#endif
#ifdef POWER
bool synced = true;
bool said;
bool cut;
byte published;
byte unlinked;                       /* the claim whose unlink is not on disk yet */
#endif

#define RIGHT(x, n) right[(x) * NAMES + (n)]

/* ---- a claim's number is free again when nothing names it: no file, no child, no variable */
#ifdef LOG_JANITOR
#define HAS_TEMPORARY(c) temporary[c]
#else
#define HAS_TEMPORARY(c) false
#endif
#if defined(JANITOR) || defined(LOG_JANITOR)
#define JANITOR_SEES(c) (janitorSees == c)
#else
#define JANITOR_SEES(c) false
#endif
#ifdef POWER
#define MAY_COME_BACK(c) (unlinked == c || published == c)
#else
#define MAY_COME_BACK(c) false
#endif
#if PROCS > 2
#define LOOKS_AT(c) (looksAt[0] == c || looksAt[1] == c || looksAt[2] == c)
#else
#define LOOKS_AT(c) (looksAt[0] == c || looksAt[1] == c)
#endif
#define HAS_RIGHTS_UP_TO_2(c) (RIGHT(c, 0) != 0 || RIGHT(c, 1) != 0)
#if NAMES == 2
#define HAS_RIGHTS(c) HAS_RIGHTS_UP_TO_2(c)
#endif
#if NAMES == 3
#define HAS_RIGHTS(c) (HAS_RIGHTS_UP_TO_2(c) || RIGHT(c, 2) != 0)
#endif
#if NAMES == 4
#define HAS_RIGHTS(c) (HAS_RIGHTS_UP_TO_2(c) || RIGHT(c, 2) != 0 || RIGHT(c, 3) != 0)
#endif
#if NAMES == 5
#define HAS_RIGHTS(c) (HAS_RIGHTS_UP_TO_2(c) || RIGHT(c, 2) != 0 || RIGHT(c, 3) != 0 || RIGHT(c, 4) != 0)
#endif
#if NAMES == 6
#define HAS_RIGHTS(c) (HAS_RIGHTS_UP_TO_2(c) || RIGHT(c, 2) != 0 || RIGHT(c, 3) != 0 || RIGHT(c, 4) != 0 || RIGHT(c, 5) != 0)
#endif
#define HAS_FILES(c) (lock == c || log[c] || HAS_TEMPORARY(c) || HAS_RIGHTS(c) || MAY_COME_BACK(c))
#define IS_NAMED(c) (HAS_FILES(c) || child[c] == GATED || child[c] == WORKS || LOOKS_AT(c) || JANITOR_SEES(c))

inline release(c) {
  if
  :: c != NOBODY && used[c] && !IS_NAMED(c) ->
     used[c] = false; alive[c] = false; child[c] = NO_CHILD; go[c] = false; ending[c] = NO_OUTCOME; outcome[c] = NO_OUTCOME;
#ifdef RESULTS
     begun[c] = false;
#endif
#ifdef NO_GATE
     recorded[c] = false;
#endif
#ifdef ANON_LOCK
     filled[c] = false;
#endif
     skip
  :: else -> skip
  fi
}

/* a number for a new claim: the lowest that is free */
inline newClaim(c) {
  c = 1;
  do :: c <= IDS -> release(c); c++ :: else -> break od;
  c = 1;
  do :: c <= IDS && used[c] -> c++ :: else -> break od;
  assert(c <= IDS);
  used[c] = true; alive[c] = true; looksAt[me] = c
}

/* reaper.ts, child.ts: ends the recorded group and every carrier of the cookie; two empty looks */
inline endChild(c) {
  if
  :: child[c] == WORKS -> child[c] = OVER; atWork--
  :: child[c] == GATED -> child[c] = OVER
  :: else -> skip
  fi
}

/* SIGKILL, and a new process in its place that knows nothing: a step of its own, which nothing of the old one follows */
inline die() {
  x = looksAt[me]; looksAt[me] = NOBODY; h = 0;
  do :: h < NAMES -> if :: RIGHT(x, h) == ME -> RIGHT(x, h) = DEAD :: else -> skip fi; h++ :: else -> break od;
  if
  :: mine -> alive[x] = false;
#ifdef LOG_JANITOR
     hopes[x] = false;
#endif
#ifdef RESULTS
     if :: outcome[x] == NO_OUTCOME && begun[x] && log[x] -> deaths++ :: else -> skip fi;
#endif
  :: else -> skip
  fi;
  release(x); x = 0; n = 0; h = 0; mine = false
}
#define DIE :: atomic { kills < KILLS -> kills++; goto died }

/* leaves x behind; a process that has left its own claim may end at any time */
inline leave() {
  if :: mine -> alive[x] = false :: else -> skip fi;
  looksAt[me] = NOBODY; release(x); x = 0; n = 0; h = 0; mine = false }

/* ---- the children: each ends, is killed, or is ended by its watcher, whenever it likes */
#ifdef TAKEOVER
#define MAY_WORK
#else
#ifdef OVERLAP_ONLY
#define MAY_WORK assert(atWork == 1)
#else
#define MAY_WORK assert(atWork == 1); assert(NO_RESULT)
#endif
#endif
#ifdef RESULTS
#define HOW_A_KILLED_ONE_ENDS(c) ending[c] = RETRY
#define HOW_IT_ENDS(c) if :: ending[c] = SUCCEEDED :: ending[c] = FAILED :: ending[c] = RETRY fi
#else
#define HOW_A_KILLED_ONE_ENDS(c) skip
#define HOW_IT_ENDS(c) ending[c] = SUCCEEDED
#endif
#define CHILD(c) \
  :: atomic { child[c] == GATED && go[c] -> child[c] = WORKS; atWork++; MAY_WORK } \
  :: atomic { child[c] == GATED && !go[c] && !alive[c] -> child[c] = OVER; release(c) }        /* end of file on the gate */ \
  :: atomic { child[c] == WORKS -> child[c] = OVER; atWork--; HOW_IT_ENDS(c); release(c) } \
  :: atomic { child[c] == WORKS && !alive[c] -> child[c] = OVER; atWork--; release(c) }        /* its watcher */ \
  :: atomic { child[c] == WORKS && kills < KILLS -> kills++; child[c] = OVER; atWork--; HOW_A_KILLED_ONE_ENDS(c); release(c) }

proctype Children() {
end:
  do
  CHILD(1)
  CHILD(2)
  CHILD(3)
#if IDS > 3
  CHILD(4)
#endif
#if IDS > 4
  CHILD(5)
#endif
#if IDS > 5
  CHILD(6)
#endif
#if IDS > 6
  CHILD(7)
#endif
#if IDS > 7
  CHILD(8)
#endif
#if IDS > 8
  CHILD(9)
#endif
#if IDS > 9
  CHILD(10)
#endif
  od
}

#ifdef JANITOR
/* janitor.ts, tidyRights: lists the rights, THEN reads the lock. Not killed: then it would only not go on. */
proctype Janitor() {
  byte x, n, l;
end:
  do
  :: atomic {
#ifdef LOCK_BEFORE_RIGHTS            /* taken out: reads the lock first and lists the rights afterwards */
       l = lock; x = 1
     };
     atomic {
#else
       x = 1;
#endif
       do :: x < IDS -> x++ :: break od;
       n = 0; do :: n < NAMES - 1 -> n++ :: break od;
       if :: RIGHT(x, n) != NOBODY -> janitorSees = x :: else -> x = 0; n = 0; l = 0; goto end fi
     };
     atomic {
#ifndef LOCK_BEFORE_RIGHTS
       l = lock;
#endif
       if :: l != x -> RIGHT(x, n) = NOBODY :: else -> skip fi;
       janitorSees = NOBODY; release(x); x = 0; n = 0; l = 0
     }
  od
}
#endif

#ifdef LOG_JANITOR
/* janitor.ts, tidyLog and tidyTemporary, for the log of any one claim. The last look and the removal are two steps. */
#ifdef CLONE
#define TAKEN_FOR_DEAD(c) true
#else
#define TAKEN_FOR_DEAD(c) (!alive[c])
#endif
inline dropTemporary(c) {            /* without it there is no link, and no claim */
  if :: temporary[c] -> temporary[c] = false; hopes[c] = false :: else -> skip fi
}
inline removeLog(c) {
  if :: log[c] -> assert(!hopes[c] && lock != c); log[c] = false :: else -> skip fi
}
proctype LogJanitor() {
  byte x;
end:
  do
  :: atomic {                                                  /* the listing has a log of x … */
       x = 1; do :: x < IDS -> x++ :: break od;
       if :: log[x] -> janitorSees = x :: else -> x = 0; goto end fi
     };
#ifdef LOCK_BEFORE_TEMPORARY         /* taken out: looks at the lock before it looks for the temporary file */
     atomic { if :: lock == x -> goto next :: else -> skip fi };
#endif
     atomic { if :: temporary[x] && !TAKEN_FOR_DEAD(x) -> goto next :: else -> skip fi };
#ifndef KEEP_TEMPORARY               /* taken out: the temporary file of the dead stays until its log was judged */
     atomic { dropTemporary(x) };
#endif
#ifndef LOCK_BEFORE_TEMPORARY
     atomic { if :: lock == x -> goto next :: else -> skip fi };
#endif
     atomic { removeLog(x) };
next:
     atomic { janitorSees = NOBODY; release(x); x = 0 }
  :: atomic {                                                  /* … or tmp/ has a temporary file of a dead process */
       x = 1; do :: x < IDS -> x++ :: break od;
       if :: temporary[x] && TAKEN_FOR_DEAD(x) -> dropTemporary(x); release(x) :: else -> skip fi;
       x = 0
     }
  od
}
#endif

#ifdef POWER
proctype PowerCut() {
  byte i, j;
  atomic {
    cut = true;
    i = 1;
    do :: i <= IDS -> alive[i] = false; endChild(i); i++ :: else -> break od;
    if
    :: done && !synced -> if :: done = false; log[published] = true :: synced = true fi
    :: else -> skip
    fi;
    if
    :: skip                                                    /* the lock as it was last seen, */
    :: lock = NOBODY                                           /* or its link was not on disk, */
    :: unlinked != NOBODY -> lock = unlinked                   /* or its unlink was not */
    fi;
    unlinked = NOBODY;
    i = 0;
    do
    :: i < (IDS + 1) * NAMES -> if :: right[i] != NOBODY -> if :: right[i] = NOBODY :: right[i] = DEAD fi :: else -> skip fi; i++
    :: else -> break
    od;
    assert(!said || done);                                     /* what was said to be done is done */
    i = 0
  }
}
#define CUT || (cut && !rebooted)
#endif

#ifdef ANON_LOCK
#define DEAD_FOR_CERTAIN(c) (!alive[c] && filled[c])           /* an empty lock cannot be judged: the task is held */
#else
#define DEAD_FOR_CERTAIN(c) (!alive[c])
#endif
#ifdef NO_GATE
#define CHILD_IS_RECORDED(c) recorded[c]
#else
#define CHILD_IS_RECORDED(c) true
#endif
#ifdef NO_SECOND_LOOK                /* taken out: C7 */
#define MAY_GO_ON true
#else
#define MAY_GO_ON (NO_RESULT)
#endif

#ifdef BREAK_RIGHT                   /* taken out: the right of a dead holder is unlinked, and taken under the same name */
#define PASS_ON goto breakRight
#else
#define PASS_ON n++; assert(n < NAMES); goto obtain            /* the right passes on to the next name */
#endif

#ifdef COUNT_WITHOUT_LOG             /* taken out: counts although a predecessor has put the log aside already */
#define MAY_COUNT(c) true
#else
#define MAY_COUNT(c) log[c]
#endif

proctype Worker(byte me) {
  byte x, n, h;
  bool mine;                         /* x is my own claim */
#ifdef POWER
  bool rebooted;
#endif
  {
    skip;
again:
    /* task-directory.ts, others.ts: what is there? */
    if
    :: atomic { lock != NOBODY -> x = lock; looksAt[me] = x; goto judge }
    :: atomic { lock == NOBODY -> skip }
    fi;
    if
    :: atomic { NO_RESULT -> goto claim }
#if RESETS > 0
    :: atomic { done && resets < RESETS -> resets++; goto reset }
#endif
    :: atomic { !(NO_RESULT) -> goto ended }
    fi;

judge:
    /* reaper.ts: the owner is certainly dead … */
    if
    DIE
    :: atomic { lock != x -> goto left }
#ifndef PID_ONLY                     /* taken out: a pid without its start time; a new process has the dead one's pid */
    :: atomic { DEAD_FOR_CERTAIN(x) -> skip }
#endif
#ifdef TAKEOVER
    :: atomic { alive[x] && suspected < TAKEOVER -> suspected++; goto settle }
#endif
    fi;
    /* … and then nothing of its child is left */
#ifndef IGNORE_CHILD                 /* taken out: the child of the dead is not ended */
    if
    DIE
    :: atomic { CHILD_IS_RECORDED(x) -> endChild(x) }
    :: atomic { !CHILD_IS_RECORDED(x) -> skip }
    fi;
#endif
    goto settle;

claim:
#ifdef LOG_JANITOR
#ifdef LOG_BEFORE_TEMPORARY          /* taken out: C2 before C1 */
    atomic { newClaim(x); mine = true; hopes[x] = true; log[x] = true };
    if DIE :: temporary[x] = true fi;
#else
    atomic { newClaim(x); mine = true; hopes[x] = true; temporary[x] = true };                      /* C1 */
    if DIE :: log[x] = true fi;                                                                     /* C2 */
#endif
    if                                                                                              /* C3–C5 */
    DIE
    :: atomic { lock == NOBODY && temporary[x] -> lock = x; hopes[x] = false; child[x] = GATED }
    :: atomic { lock != NOBODY || !temporary[x] -> hopes[x] = false; goto abandon }
    fi;
    if DIE :: temporary[x] = false fi;                                                              /* C6 */
#else
    /* C1–C5: the child waits behind its gate, the temporary lock file is complete and gets its name, if that is free */
    if
    :: atomic { lock == NOBODY -> newClaim(x); lock = x; mine = true; log[x] = true;
#ifndef NO_GATE
         child[x] = GATED
#endif
       }
    :: atomic { lock != NOBODY -> goto again }
    fi;
#ifdef ANON_LOCK
    if DIE :: filled[x] = true fi;
#endif
#endif
    if                                                                                              /* C7 */
    DIE
    :: atomic { MAY_GO_ON -> skip }
    :: atomic { !MAY_GO_ON -> goto abandonChild }
    fi;
#ifdef NO_GATE                       /* taken out: the child is spawned after the claim and recorded after that */
    if DIE :: atomic { child[x] = GATED; go[x] = true } fi;
    if DIE :: recorded[x] = true fi;
#else
    if                                                                                              /* C9 */
    DIE
    :: atomic { go[x] = true;
#ifdef RESULTS
         begun[x] = true
#endif
       }
    fi;
#endif
    if DIE :: atomic { child[x] == OVER -> skip } fi;                                               /* F1, F2 */
    if DIE :: atomic { outcome[x] = ending[x]; ending[x] = NO_OUTCOME } fi;                         /* F3 */
    goto settle;                                                                                    /* F4 */
abandonChild:
    if DIE :: atomic { endChild(x); goto settle } fi;

#ifdef LOG_JANITOR
abandon:
    if DIE :: log[x] = false fi;
    if DIE :: atomic { temporary[x] = false; goto left } fi;
#endif

#if RESETS > 0
reset:
    /* by-hand.ts: a claim of its own, under which the results are put aside */
    if
    :: atomic { lock == NOBODY -> newClaim(x); lock = x; mine = true }
    :: atomic { lock != NOBODY -> goto again }
    fi;
    if DIE :: done = false fi;
#endif

settle:
    n = 0;
#ifdef NO_RIGHT                      /* taken out: the usual lock file, unlinked by its name */
    goto publish;
#endif
#ifdef OWNER_WITHOUT_RIGHT           /* taken out: the owner releases without the right */
    if :: mine -> goto publish :: else -> skip fi;
#endif
obtain:
    if                                                                                              /* S1 */
    DIE
    :: atomic { RIGHT(x, n) == NOBODY ->
#ifdef ANON_RIGHT
         RIGHT(x, n) = UNFILLED; goto fill
#else
         RIGHT(x, n) = ME; goto readAgain
#endif
       }
    :: atomic { RIGHT(x, n) != NOBODY -> skip }
    fi;
    if                                                                                              /* S2: whose is it? */
    DIE
    :: atomic { RIGHT(x, n) == NOBODY -> goto finished }
#ifndef NO_CHAIN                     /* taken out: the right of a dead holder does not pass on */
    :: atomic { RIGHT(x, n) == DEAD -> PASS_ON }
#endif
    :: atomic { RIGHT(x, n) != NOBODY && RIGHT(x, n) != DEAD -> h = RIGHT(x, n) }
#ifdef NO_CHAIN
    :: atomic { RIGHT(x, n) == DEAD -> h = DEAD }
#endif
    fi;
    /* Its holder lived. A holder that has given it back may be dead by now; one that was killed is. */
    if
    DIE
    :: atomic { lock != x -> goto gone }
#ifndef NO_CHAIN
    :: atomic { RIGHT(x, n) != h && h != UNFILLED -> h = 0; PASS_ON }
#endif
    :: atomic { RIGHT(x, n) != h -> h = 0; goto obtain }
#ifdef RIGHT_BY_SILENCE              /* taken out: a right passes on when its holder is only silent */
    :: atomic { RIGHT(x, n) == h && suspected < TAKEOVER -> suspected++; h = 0; PASS_ON }
#endif
    fi;
finished:
    if
    DIE
    :: atomic { lock != x -> goto gone }
    :: atomic { lock == x -> n = 0; goto obtain }
    fi;
#ifdef ANON_RIGHT
fill:
    if DIE :: RIGHT(x, n) = ME fi;
#endif
readAgain:
#ifndef NO_SECOND_READ               /* taken out: S3 */
    if                                                                                              /* S3 */
    DIE
    :: atomic { lock == x -> skip }
    :: atomic { lock != x -> goto dropRight }
    fi;
#endif
#ifdef DROP_IN_PLACE                 /* taken out: R4; the right is given back while x is in the lock */
    if :: atomic { !dropped -> dropped = true; RIGHT(x, n) = NOBODY; goto left } :: skip fi;
#endif
#ifdef RIGHTS_FIRST                  /* taken out: S8 before S7 */
    if DIE :: RIGHT(x, n) = NOBODY fi;
#endif

publish:
    /* S4 */
#ifdef RESULTS
    if
    DIE
    :: atomic { outcome[x] == SUCCEEDED || outcome[x] == FAILED -> skip }
    :: atomic { outcome[x] == RETRY -> goto putAside }
    :: atomic { outcome[x] == NO_OUTCOME && (mine || !begun[x]) -> goto putAside }
    :: atomic { outcome[x] == NO_OUTCOME && !mine && begun[x] && MAY_COUNT(x) ->               /* failAfterTooManyDeaths */
         if :: putDown + 1 < MOST -> goto putAside :: else -> skip fi }
    :: atomic { outcome[x] == NO_OUTCOME && !mine && begun[x] && !MAY_COUNT(x) -> goto putAside }
    fi;
    if
    :: outcome[x] == NO_OUTCOME ->
       if DIE :: atomic { assert(deaths >= MOST); outcome[x] = FAILED } fi
    :: else -> skip
    fi;
#ifndef NO_LOOK_AT_LOG               /* taken out: does not look first whether the running log is still there */
    if DIE :: atomic { log[x] -> skip } :: atomic { !log[x] -> goto published } fi;
#endif
#ifndef OVERWRITE                    /* taken out: an older failure is not put aside */
    if
    DIE
    :: atomic { outcome[x] == FAILED && failed != NOBODY -> assert(failed != x); failed = NOBODY }
    :: atomic { outcome[x] != FAILED || failed == NOBODY -> skip }
    fi;
#endif
    if
    DIE
    :: atomic { log[x] && outcome[x] == SUCCEEDED -> assert(NO_RESULT); log[x] = false; done = true }
    :: atomic { log[x] && outcome[x] == FAILED -> assert(NO_RESULT && failed == NOBODY); log[x] = false; failed = x; putDown = 0 }
    :: atomic { !log[x] -> skip }
    fi;
published:
    /* S6: an older failure is put aside */
    if
    DIE
    :: atomic { outcome[x] == SUCCEEDED -> assert(failed == NOBODY || failed == OLD); failed = NOBODY }
    :: atomic { outcome[x] != SUCCEEDED -> skip }
    fi;
    goto unlock;
putAside:
    if
    DIE
    :: atomic {
         if
         :: log[x] && outcome[x] == NO_OUTCOME && begun[x] && !mine -> putDown++; assert(putDown <= deaths && putDown < MOST)
         :: else -> skip
         fi;
         log[x] = false
       }
    fi;
unlock:
#else
    if
    DIE
    :: atomic {
         if
         :: outcome[x] == SUCCEEDED && log[x] ->
#ifndef OVERLAP_ONLY
            assert(!done);
#endif
#ifdef POWER
            published = x; synced = false;
#endif
            done = true
         :: else -> skip
         fi;
         log[x] = false
       }
    fi;
#ifdef POWER                                                                                         /* S5 */
#ifdef SAID_BEFORE_FSYNC             /* taken out: "done" is said before S5 */
    if DIE :: atomic { if :: mine && done && published == x -> said = true :: else -> skip fi } fi;
#endif
    if DIE :: atomic { synced = true; unlinked = NOBODY } fi;
    if DIE :: atomic { if :: mine && done && published == x -> said = true :: else -> skip fi } fi;
#endif
#endif
    /* S7: by its name, whatever it holds */
    if
    DIE
    :: atomic {
#ifndef OVERLAP_ONLY
         assert(lock == x);
#endif
#ifdef POWER
         unlinked = lock;
#endif
         lock = NOBODY; h = 0 }
    fi;
#if defined(NO_RIGHT) || defined(RIGHTS_FIRST)
    goto gone;
#endif
#ifdef OWNER_WITHOUT_RIGHT
    if :: mine -> goto gone :: else -> skip fi;
#endif
    /* S8: the rights of x, one by one */
    do
    DIE
    :: atomic { h < n -> RIGHT(x, h) = NOBODY; h++ }
    :: atomic { h == n -> RIGHT(x, h) = NOBODY; goto left }
    od;
#ifdef BREAK_RIGHT
breakRight:
    if DIE :: atomic { RIGHT(x, n) = NOBODY; goto obtain } fi;
#endif
dropRight:
    if DIE :: atomic { RIGHT(x, n) = NOBODY; goto gone } fi;
gone:
    if
    DIE
    :: atomic { mine && lock != x -> log[x] = false; goto left }                          /* conclude.ts: `lost` */
    :: atomic { !(mine && lock != x) -> goto left }
    fi;
died:
    atomic { die(); goto again };
left:
    atomic { leave(); goto again };
ended:
    atomic {
      over++;
#ifndef OVERLAP_ONLY
      if :: over == PROCS -> assert(lock == NOBODY && !NO_RESULT) :: else -> skip fi
#endif
    }
  }
#ifdef POWER
  unless { atomic { cut && !rebooted -> rebooted = true; looksAt[me] = NOBODY; x = 0; n = 0; h = 0; mine = false; goto again } }
#endif
}

init {
  atomic {
#ifdef OLDER_FAILURE
    failed = OLD;
#endif
    byte i = 0;
    run Children();
    do :: i < PROCS -> run Worker(i); i++ :: else -> break od;
    i = 0;
#ifdef JANITOR
    run Janitor();
#endif
#ifdef LOG_JANITOR
    run LogJanitor();
#endif
#ifdef POWER
    run PowerCut();
#endif
  }
}

ltl eventually_done { <> done }
