// What the payment provider tells. refgrow counts a reference once, and takes totals of
// refunds in any order, so an event may come again; one that could not be passed on has to.
import { eventOf } from "../../../lib/payments.js";
import { refgrow } from "../../../lib/refgrow.js";
import { noteOrder } from "../../../lib/shop.js";

export async function POST(request) {
  const event = eventOf(await request.text(), request.headers.get("payment-signature"));
  if (!event) return new Response("not signed by the provider\n", { status: 400 });
  const payment = event.data.object;
  switch (event.type) {
    case "checkout.session.completed":
      noteOrder(payment.metadata.order_id, { status: "paid", payment: payment.payment_intent });
      await refgrow("/conversions", {
        type: "purchase",
        reference: payment.payment_intent,
        external_id: payment.metadata.user_id,
        referral_code: payment.metadata.referral_code,
        base_value: payment.amount_total / 100,
        base_value_currency: payment.currency.toUpperCase(),
      });
      break;
    case "charge.refunded":
      noteOrder(payment.metadata.order_id, { status: "refunded" });
      await refgrow("/refunds", {
        reference: payment.payment_intent,
        refunded_total: payment.amount_refunded / 100,
        told_at: new Date(event.created * 1000).toISOString(),
      });
  }
  return new Response(null, { status: 200 });
}
