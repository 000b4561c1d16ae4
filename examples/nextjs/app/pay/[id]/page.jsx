import { notFound } from "next/navigation";
import { checkoutOf } from "../../../lib/payments.js";
import { dollars } from "../../../lib/shop.js";
import { pay } from "../../actions.js";

// The page of the payment provider.
export default async function Pay({ params }) {
  const checkout = checkoutOf((await params).id);
  if (!checkout) notFound();
  return (
    <>
      <h1>Pay {dollars(checkout.amount_total)}</h1>
      <p>No money is taken: this stands for the page of a payment provider.</p>
      <form action={pay}>
        <input type="hidden" name="checkout" value={checkout.id} />
        <button>Pay</button>
      </form>
    </>
  );
}
