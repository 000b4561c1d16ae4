import { redirect } from "next/navigation";
import { refgrow } from "../../lib/refgrow.js";
import { visitor } from "../../lib/shop.js";
import { becomePartner } from "../actions.js";

export default async function Partner({ searchParams }) {
  const user = await visitor();
  if (!user) redirect("/signup");
  if (!user.partner) return <Join problem={(await searchParams).problem} />;

  const at = `/affiliates/${encodeURIComponent(user.email)}`;
  const [{ data: partner }, { data: balances }] = await Promise.all([refgrow(at), refgrow(`${at}/earnings`)]);
  return (
    <>
      <h1>You are a partner</h1>
      <p>
        Your link: <code id="link">{`${process.env.SHOP_URL}/r/${partner.referral_code}`}</code>
      </p>
      <p id="totals">{`clicks ${partner.clicks}, signups ${partner.signups}, purchases ${partner.purchases}`}</p>
      <ul id="balances">
        {balances.map((balance) => (
          <li key={balance.currency}>
            {`${balance.total} ${balance.currency} earned: ${balance.held} on hold, ` +
              `${balance.eligible} available, ${balance.paid} paid out`}
          </li>
        ))}
      </ul>
    </>
  );
}

function Join({ problem }) {
  return (
    <>
      <h1>Become a partner</h1>
      <p>Choose a word for your link. You get 20 % of what those who come by it buy.</p>
      {problem && <p role="alert">{problem}</p>}
      <form action={becomePartner}>
        <label>
          Word <input name="code" required minLength={3} maxLength={60} />
        </label>
        <button>Become a partner</button>
      </form>
    </>
  );
}
