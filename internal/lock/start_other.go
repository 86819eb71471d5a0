//go:build !linux

package lock

// StartOf says when a process started, as an opaque word; "" when the system
// doesn't say, and this one isn't asked.
func StartOf(int) string { return "" }
