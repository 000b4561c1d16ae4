// Package supply tests what reaches the people who build or install the program: that
// two builds give the same bytes, that the module can be installed by its name, and
// under which licences the code in it may be passed on. It has tests alone.
//
// With REFGROW_INTEROP_LONG set to anything the builds share no cache, and the
// module is really installed, which takes minutes.
package supply
