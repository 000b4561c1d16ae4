import { redirect } from "next/navigation";
import { dollars, ordersOf, visitor } from "../../lib/shop.js";
import { moneyBack } from "../actions.js";

export default async function Orders() {
  const user = await visitor();
  if (!user) redirect("/signup");
  return (
    <>
      <h1>Your orders</h1>
      <ul id="orders">
        {ordersOf(user).map((order) => (
          <li key={order.id}>
            {`${order.product.name}, ${dollars(order.product.price)}: ${order.status}`}
            {order.status === "paid" && (
              <form action={moneyBack}>
                <input type="hidden" name="order" value={order.id} />
                <button>Money back</button>
              </form>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
