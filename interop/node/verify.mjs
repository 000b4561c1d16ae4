// Reads deliveries from stdin, one JSON object a line, and prints for each what
// the libraries say: {"standardwebhooks": "", "svix": ""}, where "" means that it
// was accepted.
import { createInterface } from "node:readline";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

function verdict(Webhook, { secret, headers, body }) {
  try {
    // Secrets without the prefix are their own bytes.
    const receiver = secret.startsWith("whsec_")
      ? new Webhook(secret)
      : new Webhook(Buffer.from(secret), { format: "raw" });
    const event = receiver.verify(body, headers);
    return event.event === headers["X-Refgrow-Event"] ? "" : "the body is a different one";
  } catch (error) {
    return error.message;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const delivery = JSON.parse(line);
  console.log(JSON.stringify({ standardwebhooks: verdict(Standard, delivery), svix: verdict(Svix, delivery) }));
}
