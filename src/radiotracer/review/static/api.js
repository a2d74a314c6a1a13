// Talks to the server: every answer is JSON or an image.

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error || `The server answered ${status}.`);
    this.status = status;
    this.answer = answer;
  }
}

async function asked(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "include", ...options });
  } catch {
    throw new Refused(0, { error: "The server does not answer: is `radiotracer review` still running?" });
  }
  if (response.ok) return response;
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { error: text.trim() };
  }
  throw new Refused(response.status, answer);
}

export const get = async (path) => (await asked(path)).json();

export const image = async (path, signal) => createImageBitmap(await (await asked(path, { signal })).blob());

export const post = async (path, body) => (await asked(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
})).json();
