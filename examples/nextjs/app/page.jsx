import { dollars, products, referralCode, visitor } from "../lib/shop.js";
import { buy } from "./actions.js";

export default async function Home() {
  const user = await visitor();
  const code = await referralCode();
  return (
    <>
      <h1>What we sell</h1>
      {code && (
        <p id="referral">
          You came by the link of our partner <b>{code}</b>.
        </p>
      )}
      {products.map((product) => (
        <section key={product.id}>
          <h2>{product.name}</h2>
          <p>{product.text}</p>
          <form action={buy}>
            <input type="hidden" name="product" value={product.id} />
            <button>{user ? `Buy for ${dollars(product.price)}` : `Sign up, and buy for ${dollars(product.price)}`}</button>
          </form>
        </section>
      ))}
    </>
  );
}
