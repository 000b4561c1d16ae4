import Link from "next/link";
import { visitor } from "../lib/shop.js";
import "./style.css";

export const metadata = { title: "Small shop" };

export default async function Layout({ children }) {
  const user = await visitor();
  return (
    <html lang="en">
      <head>
        {/* Remembers who came by /?ref=CODE; links such as /r/CODE do without it. */}
        <script src="/refgrow.js" async />
      </head>
      <body>
        <nav>
          <Link href="/">Small shop</Link>
          {user ? (
            <>
              <Link href="/orders">Orders</Link> <Link href="/partner">Partner</Link> <span>{user.email}</span>
            </>
          ) : (
            <Link href="/signup">Sign up</Link>
          )}
        </nav>
        <main>{children}</main>
      </body>
    </html>
  );
}
