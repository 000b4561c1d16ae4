"use server";

import { redirect } from "next/navigation";
import { complete, createCheckout, refund } from "../lib/payments.js";
import { refgrow } from "../lib/refgrow.js";
import { addOrder, enter, orderOf, products, referralCode, visitor } from "../lib/shop.js";

async function member() {
  return (await visitor()) ?? redirect("/signup");
}

export async function signUp(form) {
  const email = String(form.get("email")).trim().toLowerCase();
  const { user, isNew } = await enter(email);
  if (isNew) {
    try {
      await refgrow("/conversions", {
        type: "signup",
        external_id: user.id,
        email,
        referral_code: await referralCode(),
      });
    } catch (error) {
      // Nobody has to wait for that: the first purchase has the code too.
      console.error("refgrow was not told of a signup:", error);
    }
  }
  redirect("/");
}

export async function buy(form) {
  const user = await member();
  const product = products.find((known) => known.id === form.get("product"));
  if (!product) redirect("/");
  const order = addOrder(user, product);
  const checkout = createCheckout({
    amount: product.price,
    currency: "usd",
    // The provider's events come from its own server, without the visitor's cookies.
    metadata: { order_id: order.id, user_id: user.id, referral_code: await referralCode() },
  });
  redirect(checkout.url);
}

export async function pay(form) {
  await complete(String(form.get("checkout")));
  redirect("/orders");
}

export async function moneyBack(form) {
  const order = orderOf(await member(), form.get("order"));
  if (order?.status === "paid") await refund(order.payment);
  redirect("/orders");
}

export async function becomePartner(form) {
  const user = await member();
  let problem;
  try {
    const answer = await refgrow("/affiliates", { email: user.email, referral_code: form.get("code") });
    if (answer.success) user.partner = answer.data.referral_code;
    else problem = answer.error;
  } catch (error) {
    problem = error.message;
  }
  redirect(problem ? `/partner?problem=${encodeURIComponent(problem)}` : "/partner");
}
