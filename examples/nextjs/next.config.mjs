// The links of partners, and the script for /?ref=CODE, are on the shop's own host, so
// that the cookie is the shop's own. In front of a real shop a proxy does this.
const refgrow = process.env.REFGROW_URL ?? "http://127.0.0.1:8080";

export default {
  poweredByHeader: false,
  async rewrites() {
    return ["/r/:code", "/refgrow.js", "/refgrow/track"].map((source) => ({
      source,
      destination: refgrow + source,
    }));
  },
};
