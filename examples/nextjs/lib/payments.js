// Stands for a payment provider such as Stripe: a checkout that carries metadata, and
// events about it that the provider sends to the shop's webhook, signed.
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

const checkouts = (globalThis.paymentCheckouts ??= new Map());

const signature = (body) => createHmac("sha256", process.env.PAYMENTS_SECRET).update(body).digest("hex");

export function createCheckout({ amount, currency, metadata }) {
  const checkout = {
    id: `cs_${randomUUID()}`,
    payment_intent: `pi_${randomUUID()}`,
    amount_total: amount,
    currency,
    metadata,
  };
  checkouts.set(checkout.id, checkout);
  return { id: checkout.id, url: `/pay/${checkout.id}` };
}

export const checkoutOf = (id) => checkouts.get(id);

// The customer pays.
export async function complete(id) {
  await tell("checkout.session.completed", checkouts.get(id));
}

// The shop gives everything back.
export async function refund(payment) {
  const checkout = [...checkouts.values()].find((known) => known.payment_intent === payment);
  await tell("charge.refunded", {
    payment_intent: payment,
    amount_refunded: checkout.amount_total,
    currency: checkout.currency,
    metadata: checkout.metadata,
  });
}

// A provider tells it again, for days, until the answer is 200.
async function tell(type, object) {
  const created = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({ id: `evt_${randomUUID()}`, type, created, data: { object } });
  const response = await fetch(`${process.env.SHOP_URL}/api/payments`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Payment-Signature": signature(body) },
    body,
  });
  if (!response.ok) throw new Error(`the webhook of the shop answers ${response.status} to ${type}`);
}

// The event in the body of a request, or undefined if the provider has not signed it.
export function eventOf(body, signed) {
  const [given, right] = [Buffer.from(signed ?? ""), Buffer.from(signature(body))];
  return given.length === right.length && timingSafeEqual(given, right) ? JSON.parse(body) : undefined;
}
