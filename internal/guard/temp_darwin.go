package guard

// temporaryFolders are as they resolve: /tmp and /var are links into /private.
// The third is confstr(3)'s _CS_DARWIN_USER_TEMP_DIR; its siblings C and 0 are
// caches and are not temporary.
func temporaryFolders() []string {
	return []string{"/private/tmp", "/private/var/tmp", "/private/var/folders/*/*/T"}
}
