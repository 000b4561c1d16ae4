// The life of a program, driven with a client that others have made of docs/openapi.json.
// It takes where the API is, and a key.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Schemas = components["schemas"];
type Event =
  | Schemas["SignedUpEvent"] | Schemas["ConvertedEvent"] | Schemas["UpdatedEvent"] | Schemas["CanceledEvent"]
  | Schemas["PayoutEvent"] | Schemas["AffiliateEvent"];

const [baseUrl, key] = process.argv.slice(2);
assert(baseUrl && key);
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

// data is what an answer has; an error ends the story.
function data<T>(answer: { data?: { data: T }; error?: Schemas["Error"] }): T {
  if (answer.data === undefined) {
    throw new Error(answer.error?.error ?? "no answer");
  }
  return answer.data.data;
}

// The receiver of the events.
let secret: string | null = null;
const events: Event[] = [];
const receiver = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts);
    assert(secret);
    assert.equal(request.headers["x-refgrow-signature"], "sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
    const event = JSON.parse(body.toString()) as Event;
    assert.equal(request.headers["x-refgrow-event"], event.event);
    events.push(event);
    response.writeHead(204).end();
  });
});
await new Promise<void>((listening) => receiver.listen(0, "127.0.0.1", listening));

// seen waits for an event of a kind that is as it should be.
async function seen<E extends Event["event"]>(
  kind: E, is: (event: Extract<Event, { event: E }>) => boolean,
): Promise<Extract<Event, { event: E }>> {
  for (let tries = 0; tries < 300; tries++) {
    for (const event of events) {
      if (event.event === kind && is(event as Extract<Event, { event: E }>)) {
        return event as Extract<Event, { event: E }>;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no ${kind} among ${events.map((event) => event.event).join(", ")}`);
}

// The settings.
const program = data(await api.PUT("/project", {
  body: { commission: "20%", commission_duration: "12 months", hold_days: 0, minimum_payout: 10 },
}));
assert.equal(program.commission, "20%");

// A webhook.
const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`;
const webhook = data(await api.POST("/webhooks", {
  body: {
    url,
    events: ["referral_signed_up", "referral_converted", "referral_updated", "referral_canceled", "payout_updated",
      "affiliate_updated"],
  },
}));
secret = webhook.secret;
data(await api.POST("/webhooks/{id}/test", { params: { path: { id: webhook.id } }, body: { event: "payout_updated" } }));
const tested = await seen("payout_updated", (event) => event.test === true);
assert.equal(tested.data.id, 0);

// An affiliate, a coupon, a click.
const jane = data(await api.POST("/affiliates", {
  body: { email: "jane@example.com", referral_code: "JANE", payout_preferences: { paypal_email: "pay@example.com" } },
}));
assert.equal(jane.total_earnings, null);
await seen("affiliate_updated", (event) => event.data.id === jane.id);
const coupon = data(await api.POST("/coupons", { body: { affiliate_id: jane.id, coupon_code: "JANE20" } }));
assert.equal(coupon.affiliate_email, "jane@example.com");
const clicks = data(await api.POST("/clicks", { body: { referral_code: "JANE", ip_address: "203.0.113.9" } }));
assert.deepEqual(clicks, { counted: 1, ignored: 0 });

// A customer, by hand and by a signup.
const carl = data(await api.POST("/referrals", { body: { email: "carl@example.com", affiliate_id: jane.id } }));
assert.equal(carl.conversion_status, "pending");
const signup = data(await api.POST("/conversions", {
  body: { type: "signup", external_id: "user_42", email: "dora@example.com", referral_code: "JANE" },
}));
await seen("referral_signed_up", (event) => event.data.id === signup.id && event.referred?.email === "dora@example.com");

// A sale, once whatever happens.
const body = { type: "purchase", external_id: "user_42", base_value: 100, reference: "in_1" } as const;
const header = { "Idempotency-Key": "sale-1" };
const sale = data(await api.POST("/conversions", { params: { header }, body }));
const told = await api.POST("/conversions", { params: { header }, body });
assert.equal(data(told).id, sale.id);
assert.equal(told.response.headers.get("Idempotent-Replayed"), "true");
const twice = await api.POST("/conversions", { body });
assert.equal(twice.error?.code, "conflict");
assert.equal(twice.error?.id, sale.id);
assert.equal(sale.value, 20);
await seen("referral_converted", (event) => event.data.id === sale.id && event.referrer?.email === "jane@example.com");
const couponed = data(await api.POST("/conversions", {
  body: { type: "purchase", email: "erik@example.com", base_value: 50, coupon_code_used: "jane20" },
}));
assert.equal(couponed.affiliate_id, jane.id);

// A refund by the sale's own name, told twice.
const refund = { reference: "in_1", refunded_total: 30, told_at: new Date().toISOString() };
const refunded = data(await api.POST("/refunds", { body: refund }));
assert.equal(refunded.refunded_amount, 30);
assert.equal(data(await api.POST("/refunds", { body: refund })).unchanged, true);
const change = await seen("referral_updated", (event) => "type" in event.data && event.data.refunded_amount === 30);
assert.deepEqual(change.data.changes?.refunded_amount, [0, 30]);
const why = data(await api.GET("/conversions/{id}/explain", { params: { path: { id: sale.id } } }));
assert.equal(why.decision.reason, "customer");
assert.equal(why.commission.value, 20);
assert.equal(why.entries.reduce((sum, entry) => sum + entry.amount, 0), 14);

// The lists, by cursor.
const all: number[] = [];
for (let cursor: string | undefined; ;) {
  const page = await api.GET("/conversions", { params: { query: { limit: 2, type: "purchase", cursor } } });
  all.push(...data(page).map((conversion) => conversion.id));
  const next = page.data?.pagination.next_cursor;
  if (!next) {
    break;
  }
  cursor = next;
}
assert.deepEqual(all, [couponed.id, sale.id]);

// Payouts: a look, a run, the file, the payment.
const preview = await api.POST("/payouts", { body: { preview: true } });
assert.equal(preview.response.status, 200);
const run = await api.POST("/payouts", { params: { header: { "Idempotency-Key": "run-1" } }, body: {} });
assert.equal(run.response.status, 201);
const payout = run.data?.data[0];
assert(payout && payout.id !== null);
assert.equal(payout.amount, 24);
const file = await api.GET("/payouts/export", { params: { query: { format: "paypal" } }, parseAs: "text" });
assert.equal(file.data, `pay@example.com,24.00,USD,payout-${payout.id},Affiliate payout ${payout.id}\n`);
const paid = data(await api.POST("/payouts/{id}/pay", {
  params: { path: { id: payout.id } }, body: { external_reference: "tr_1" },
}));
assert.equal(paid.status, "paid");
await seen("payout_updated", (event) => event.data.id === paid.id && event.data.status === "paid");
const [earned] = data(await api.GET("/affiliates/{email}/earnings", { params: { path: { email: "jane@example.com" } } }));
assert.equal(earned?.paid, "24.00");
assert.equal(earned?.payable, "0.00");
const month = new Date().toISOString().slice(0, 7);
const statement = await api.GET("/affiliates/{email}/statement", {
  params: { path: { email: "jane@example.com" }, query: { month } },
});
assert(typeof statement.data === "object"); // with the format csv it is a text
assert.equal(statement.data.data.closing[0]?.paid, "24.00");

// A sale that is taken back, and the deliveries.
data(await api.POST("/conversions/{id}/refund", { params: { path: { id: couponed.id } }, body: {} }));
await seen("referral_canceled", (event) => event.data.id === couponed.id);
const deliveries = await api.GET("/webhooks/{id}/deliveries", {
  params: { path: { id: webhook.id }, query: { status: "succeeded" } },
});
assert(data(deliveries).length >= 10);

// Erasing keeps the books.
const nobody = data(await api.POST("/referrals/{email}/erase", { params: { path: { email: "dora@example.com" } } }));
assert.equal(nobody.user_email, `erased-${nobody.id}@erased.invalid`);
assert.equal((await api.GET("/referrals/{email}", { params: { path: { email: "dora@example.com" } } })).error?.code, "not_found");
const gone = data(await api.POST("/affiliates/{email}/erase", { params: { path: { email: String(jane.id) } } }));
assert.equal(gone.paid_earnings, "24.00");
assert.equal((await api.DELETE("/webhooks/{id}", { params: { path: { id: webhook.id } } })).response.status, 204);
assert.equal((await createClient<paths>({ baseUrl }).GET("/project")).error?.code, "unauthorized");

receiver.closeAllConnections();
receiver.close();
console.log("told");
