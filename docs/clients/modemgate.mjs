// A small client of modemgate's API for test suites: one file, Node 18 and later, no dependencies.
//
//   const gate = new Modemgate("http://127.0.0.1:8090", token)
//   const r = await gate.reserve({ ttl_s: 300, country: "DE" })
//   await signUp(r.number)
//   const m = await gate.wait(r.id, { regex: "\\d{6}" }, 120)     // null: nothing came
//   await gate.release(r.id)

/** A refusal (RFC 9457); code is of the list in api.md. */
export class Problem extends Error {
  constructor(status, body) {
    super(`${body.code}: ${body.title} ${body.detail ?? ""}`)
    this.status = status
    this.code = body.code
  }
}

export class Modemgate {
  constructor(url, token) {
    this.url = url.replace(/\/$/, "")
    this.token = token
  }

  async #open(method, path, body, signal) {
    const headers = { Authorization: `Bearer ${this.token}` }
    if (body !== undefined) headers["Content-Type"] = "application/json"
    const answer = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal })
    if (answer.status >= 400) throw new Problem(answer.status, await answer.json().catch(() => ({ title: answer.statusText })))
    return answer
  }

  async #call(method, path, body) {
    const text = await (await this.#open(method, path, body)).text()
    return text ? JSON.parse(text) : null
  }

  /** Takes a number; asked: ttl_s, number, country, operator, tag, purpose, wait_s. */
  reserve(asked = {}) {
    return this.#call("POST", "/v1/reservations", asked)
  }

  /** Gives a number back; once more is no error. */
  release(reservation) {
    return this.#call("DELETE", `/v1/reservations/${encodeURIComponent(reservation)}`)
  }

  /** The first message of a reservation that matches (from, contains, regex), over as many calls as that takes; null when none comes in time. */
  async wait(reservation, match = {}, timeout_s = 60) {
    let body = { reservation, match, timeout_s }
    for (;;) {
      const answer = await this.#call("POST", "/v1/wait", body)
      if (answer.outcome === "matched") return answer.messages[0]
      if (answer.outcome !== "pending") return null
      body = { reservation, match, deadline: answer.deadline, after: answer.after } // one answer takes at most 55 s: go on where it ended
    }
  }

  /** Opens a delivery test; asked is the body of POST /v1/tests. */
  startTest(asked) {
    return this.#call("POST", "/v1/tests", asked)
  }

  /** Says when an item's message was sent (a Date); more: provider_id, token, text. */
  sent(test, item, sentAt, more = {}) {
    return this.#call("PUT", `/v1/tests/${encodeURIComponent(test)}/items/${item}/sent`, { sent_at: sentAt.toISOString(), ...more })
  }

  /** Waits until a test is closed, over as many calls as that takes. */
  async finished(test) {
    for (;;) {
      const answer = await this.#call("GET", `/v1/tests/${encodeURIComponent(test)}?wait_s=50`)
      if (answer.state !== "open") return answer
    }
  }

  /** Events, from after on (undefined: from now); comes back with the last id when the stream breaks. signal ends it. */
  async *events(after, signal) {
    while (!signal?.aborted) {
      try {
        const path = "/v1/events" + (after ? `?after=${encodeURIComponent(after)}` : "")
        const answer = await this.#open("GET", path, undefined, signal)
        let rest = ""
        for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
          const lines = (rest + chunk).split("\n")
          rest = lines.pop()
          for (const line of lines) {
            if (!line.startsWith("data: ")) continue
            const event = JSON.parse(line.slice(6))
            yield event
            after = event.id
          }
        }
      } catch (e) {
        if (e instanceof Problem && e.status < 500 && e.status !== 429) throw e
      }
      if (!signal?.aborted) await new Promise((done) => setTimeout(done, 1000))
    }
  }
}
