// lib/refgrow.js
export async function refgrow(path, body) {
  const response = await fetch(`${process.env.REFGROW_URL}/api/v1${path}`, {
    method: body ? "POST" : "GET",
    headers: { Authorization: `Bearer ${process.env.REFGROW_KEY}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!answer.success && response.status !== 409) throw new Error(answer.error); // 409: it was told before
  return answer;
}
