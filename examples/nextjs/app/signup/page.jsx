import { signUp } from "../actions.js";

export default function SignUp() {
  return (
    <>
      <h1>Sign up</h1>
      <form action={signUp}>
        <label>
          Email <input name="email" type="email" required autoComplete="email" />
        </label>
        <button>Sign up</button>
      </form>
    </>
  );
}
