// What the shop knows. It stands for a database, and is gone when the server ends.
import { randomUUID } from "node:crypto";
import { cookies } from "next/headers";

const data = (globalThis.shopData ??= { users: new Map(), sessions: new Map(), orders: new Map() });

export const products = [
  { id: "team", name: "Team", text: "For those who work together.", price: 4900 },
  { id: "handbook", name: "Handbook", text: "What we know, on paper.", price: 2500 },
];

export const dollars = (cents) => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")} USD`;

// Who is signed in, or undefined.
export async function visitor() {
  return data.users.get(data.sessions.get((await cookies()).get("session")?.value));
}

// The code of the partner who sent the visitor, or undefined. Where several have, the
// first of the two cookies has all of their codes, and refgrow takes the one that counts.
export async function referralCode() {
  const jar = await cookies();
  return (jar.get("refgrow_ref_seen") ?? jar.get("refgrow_ref_code"))?.value;
}

// Whoever has the email is the customer. A real shop asks for more than that.
export async function enter(email) {
  let user = [...data.users.values()].find((known) => known.email === email);
  const isNew = !user;
  if (isNew) {
    user = { id: `user_${randomUUID()}`, email, partner: undefined };
    data.users.set(user.id, user);
  }
  const session = randomUUID();
  data.sessions.set(session, user.id);
  (await cookies()).set("session", session, { httpOnly: true, sameSite: "lax", path: "/" });
  return { user, isNew };
}

export function addOrder(user, product) {
  const order = { id: `order_${randomUUID()}`, user: user.id, product, status: "open", payment: undefined };
  data.orders.set(order.id, order);
  return order;
}

export const ordersOf = (user) => [...data.orders.values()].filter((order) => order.user === user.id);

export const orderOf = (user, id) => ordersOf(user).find((order) => order.id === id);

// What the payment provider has told of an order.
export function noteOrder(id, change) {
  const order = data.orders.get(id);
  if (order) Object.assign(order, change);
}
