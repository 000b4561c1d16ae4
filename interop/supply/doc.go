// Package supply tests what reaches the people who build or install the command: that
// two builds result in the same bytes, that the module can be installed by its name,
// and under which licences the code in it may be passed on. It has only tests.
//
// With REFGROW_INTEROP_LONG set to anything the builds share no cache, and the
// module is really installed, which takes minutes.
package supply
