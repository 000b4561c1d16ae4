// Drives a browser. Each line of the input names a story, who lives it, and what it
// needs; each line of the output says what was seen in it.
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

// A visitor is a person with a browser profile.
class Visitor {
  constructor(context) {
    this.context = context
    this.violations = []
  }

  // A new page, empty or of a site; the ones before it are closed.
  async open(url) {
    const before = this.context.pages()
    const page = await this.context.newPage()
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) this.violations.push(message.text())
    })
    await Promise.all(before.map((other) => other.close()))
    if (url) await page.goto(url)
    return page
  }

  // What remembers who referred the visitor, null for nothing.
  async cookie(url) {
    const cookies = await this.context.cookies(url)
    const found = cookies.find((cookie) => cookie.name === 'refgrow_ref_code')
    if (!found) return null
    const { value, path, domain, httpOnly, secure, sameSite, expires } = found
    return { value, path, domain, httpOnly, secure, sameSite, days: Math.round((expires - Date.now() / 1000) / 86400) }
  }
}

async function signUp(page, email) {
  await page.getByRole('link', { name: 'Sign up', exact: true }).click()
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill('correct horse')
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByRole('button', { name: 'Log out' }).waitFor()
}

async function buy(page, product, coupon) {
  const offer = page.locator('section').filter({ has: page.getByRole('heading', { name: product, exact: true }) })
  if (coupon) await offer.getByLabel('Coupon').fill(coupon)
  await offer.getByRole('button', { name: `Buy ${product}` }).click()
  await page.locator('#orders').waitFor()
}

// The cells of a table's body.
async function table(page, id) {
  const rows = await page.locator(`#${id} tbody tr`).all()
  return Promise.all(rows.map(async (row) => {
    const cells = await row.locator('td').allTextContents()
    return cells.map((text) => text.trim()).join('|')
  }))
}

// What the script sends when something is done, and how that is answered: 0 if the
// page may not know.
async function sent(page, done) {
  const track = (message) => new URL(message.url()).pathname === '/refgrow/track'
  const end = Promise.race([
    page.waitForResponse(track),
    page.waitForEvent('requestfailed', { predicate: track }).then(() => null),
  ])
  const [request, response] = await Promise.all([page.waitForRequest(track), end, done()])
  return { type: request.postDataJSON().type, status: response?.status() ?? 0 }
}

const stories = {
  // A customer comes through a link, leaves, comes back without it, signs up and buys.
  async buys(visitor, { shop, code, email, coupon, refuses }) {
    let page = await visitor.open(shop)
    if (refuses) await page.getByRole('button', { name: 'No tracking' }).click()
    page = await visitor.open(`${shop}/?ref=${code}`)
    await page.reload()
    const cookie = await visitor.cookie(shop)
    await page.goto('about:blank')
    page = await visitor.open(shop)
    await signUp(page, email)
    await buy(page, 'Team', coupon)
    return { cookie, orders: await table(page, 'orders') }
  },

  // A visitor who came through a link wants to be forgotten.
  async refusesLater(visitor, { shop, code }) {
    const page = await visitor.open(`${shop}/?ref=${code}`)
    const before = await visitor.cookie(shop)
    await page.getByRole('button', { name: 'No tracking' }).click()
    await page.getByText('We do not remember').waitFor()
    return { before, cookie: await visitor.cookie(shop) }
  },

  // Whoever has bought something gets the money back.
  async returns(visitor, { shop }) {
    const page = await visitor.open(`${shop}/account`)
    await page.getByRole('button', { name: 'Money back' }).click()
    await page.getByRole('cell', { name: 'refunded' }).waitFor()
    return { orders: await table(page, 'orders') }
  },

  // A customer becomes a partner.
  async joins(visitor, { shop, code, email }) {
    const page = await visitor.open(shop)
    await signUp(page, email)
    await page.getByRole('link', { name: email }).click()
    await page.getByLabel('Word').fill(code)
    await page.getByRole('button', { name: 'Become a partner' }).click()
    return { link: await page.locator('#link').textContent() }
  },

  // A partner looks at what came of it.
  async looks(visitor, { shop }) {
    const page = await visitor.open(`${shop}/account`)
    return {
      totals: await table(page, 'totals'),
      balances: await table(page, 'balances'),
      days: await table(page, 'days'),
    }
  },

  // A visitor comes to the page that is tracked by the script, and signs up later.
  async tours(visitor, { shop, code, email }) {
    let page = await visitor.open()
    const message = await sent(page, () => page.goto(`${shop}/tour?ref=${code}`))
    const cookie = await visitor.cookie(shop)
    // What the policy refuses would be noticed.
    await Promise.all([page.waitForEvent('console'), page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'document.title = "taken over"'
      document.head.append(script)
    })])
    const control = visitor.violations.splice(0).length
    page = await visitor.open(shop)
    await signUp(page, email)
    return { message, cookie, control }
  },

  // A visitor comes to a static site through a link, and signs up there.
  async claims(visitor, { site, code, email }) {
    let page = await visitor.open()
    const click = await sent(page, () => page.goto(`${site}/?ref=${code}`))
    const cookie = await visitor.cookie(site)
    await page.goto('about:blank')
    page = await visitor.open(site)
    await page.waitForFunction(() => window.Refgrow)
    await page.getByLabel('Email').fill(email)
    const claim = await sent(page, () => page.getByRole('button', { name: 'Sign up' }).click())
    return { cookie, messages: [click, claim] }
  },

  // A visitor comes to the shop of examples/nextjs by a link, comes back without it, signs
  // up and buys.
  async buysThere(visitor, { shop, link, email }) {
    let page = await visitor.open(shop + link)
    let cookie = null // which the script sets once the page is there
    for (let i = 0; i < 100 && !cookie; i++) {
      cookie = await visitor.cookie(shop)
      if (!cookie) await page.waitForTimeout(50)
    }
    page = await visitor.open(shop)
    const told = await page.locator('#referral').textContent()
    await signUpThere(page, email)
    await page.getByRole('button', { name: 'Buy for 49.00 USD' }).click()
    await page.getByRole('button', { name: 'Pay', exact: true }).click()
    return { cookie, link: told, orders: await ordersThere(page, 'paid') }
  },

  async returnsThere(visitor, { shop }) {
    const page = await visitor.open(`${shop}/orders`)
    await page.getByRole('button', { name: 'Money back' }).click()
    return { orders: await ordersThere(page, 'refunded') }
  },

  async joinsThere(visitor, { shop, code, email }) {
    const page = await visitor.open(shop)
    await signUpThere(page, email)
    await page.getByRole('link', { name: 'Partner' }).click()
    await page.getByLabel('Word').fill(code)
    await page.getByRole('button', { name: 'Become a partner' }).click()
    return { link: await page.locator('#link').or(page.locator('p[role=alert]')).first().textContent() }
  },

  async looksThere(visitor, { shop }) {
    const page = await visitor.open(`${shop}/partner`)
    const texts = (what) => page.locator(what).allTextContents()
    return { totals: await texts('#totals'), balances: await texts('#balances li') }
  },
}

async function signUpThere(page, email) {
  await page.getByRole('link', { name: 'Sign up', exact: true }).click()
  await page.getByLabel('Email').fill(email)
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByText(email).waitFor()
}

// The orders, once there is one in that state.
async function ordersThere(page, state) {
  await page.locator('#orders li').filter({ hasText: state }).waitFor()
  return page.locator('#orders li').evaluateAll((all) => all.map((order) => order.firstChild.textContent))
}

// The sandbox needs what containers and root do not have. Only the tests' own pages
// are opened.
const browser = await chromium.launch({ executablePath: process.argv[2], chromiumSandbox: false })
const visitors = new Map()
for await (const line of createInterface({ input: process.stdin })) {
  const { story, email, javaScript, ...needs } = JSON.parse(line)
  let seen
  try {
    if (!visitors.has(email)) {
      const context = await browser.newContext({ javaScriptEnabled: javaScript })
      context.setDefaultTimeout(15_000)
      visitors.set(email, new Visitor(context))
    }
    const visitor = visitors.get(email)
    seen = { ...(await stories[story](visitor, { email, ...needs })), violations: visitor.violations.splice(0) }
  } catch (error) {
    seen = { error: String(error) }
  }
  console.log(JSON.stringify(seen))
}
await browser.close()
