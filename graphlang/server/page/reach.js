// The server may go away: the page then says so, waits for it, and goes on.

import { Unreachable } from "./api.js";

const RETRY = 1500;

// `onGone` is told when nobody answers any more, `retry` is what is asked until somebody does.
export function makeReach({ notice, onGone, retry }) {
  let isGone = false;

  // The answer of a question; undefined while nobody answers.
  async function reached(question) {
    try {
      const answer = await question();
      if (answer.status === 403 && /address/.test(answer.error ?? "")) throw new Unreachable();
      if (isGone) {
        isGone = false;
        notice("The server is there again.");
      }
      return answer;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      if (!isGone) {
        isGone = true;
        onGone();
        notice("The server does not answer. Your text is kept here; start `graphlang play` again, and this page goes on.");
        wait();
      }
      return undefined;
    }
  }

  async function wait() {
    while (isGone) {
      await new Promise((done) => setTimeout(done, RETRY));
      if (isGone) await retry();
    }
  }

  return { reached, isGone: () => isGone };
}
