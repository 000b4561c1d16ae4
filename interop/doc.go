// Package interop tests the module against other people's libraries; its webhooks
// against real trouble, which is processes that are killed and receivers that do
// everything a receiver should not; and what it has acknowledged against crashes and
// power cuts. It has only tests.
//
// Packages below it try other SQLite drivers (drivers) and what reaches those who build
// or install the command (supply).
//
// The usual run takes one to two minutes. With REFGROW_INTEROP_LONG set to
// anything it also takes the refgrow command itself through the same trouble, in real
// time, which takes several minutes.
//
// TestCrash and its like kill the server some hundred times, and with REFGROW_CRASH set
// a thousand times and more. TestPowerCut and its like cut the power of an ext4
// file system, a few times and with REFGROW_POWERCUT set thirty times each. That takes
// Linux, root, a loop device and mkfs.ext4; if one of these is missing they are
// skipped, unless REFGROW_POWERCUT is set.
//
// With REFGROW_SOAK set to anything, the tests of two processes that write to one file
// last longer, and more histories are checked for being linearizable.
//
// TestOpenAPI lets other people's tools read docs/openapi.json, and a client that they make
// of it drive the command. Without node and npm it is skipped.
//
// TestBrowser drives a real browser through examples/saas and a static site. Without
// chromium, node and npm it is skipped, unless REFGROW_BROWSER is set.
package interop
