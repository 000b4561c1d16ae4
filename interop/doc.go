// Package interop tests the module against other people's libraries, and its
// webhooks against real trouble: processes that are killed, and receivers that do
// everything a receiver should not. It has tests alone.
//
// The usual run takes less than a minute. With REFGROW_INTEROP_LONG set to
// anything it also takes the refgrow program itself through the same trouble, on
// real time, which lasts several minutes.
//
// TestBrowser drives a real browser through examples/saas and a static site. Where
// there is no chromium, node or npm it is skipped, unless REFGROW_BROWSER is set.
package interop
