/** Whether `user` may edit `order`. */
export function mayEdit(user, order) {
  if (user == null) return false;
  return user.role == 'admin' || user.id == order.owner;
}
