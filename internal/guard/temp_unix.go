//go:build !windows && !darwin

package guard

// temporaryFolders are those of the Filesystem Hierarchy Standard 3.0, 3.18 and
// 5.15. Where one is a link, what is below it resolves elsewhere, and so it
// doesn't count.
func temporaryFolders() []string { return []string{"/tmp", "/var/tmp"} }
