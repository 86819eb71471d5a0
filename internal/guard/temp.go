package guard

import "strings"

// temporaryFolder returns the machine's real temporary folder that the location is
// strictly inside of. The folders are constants of the platform: what the
// environment or a caller calls temporary is no proof. A part that is mounted
// from elsewhere is elsewhere.
func temporaryFolder(p location) (string, bool) {
	for _, pattern := range temporaryFolders() {
		folder, ok := matchFolder(pattern, p.resolved)
		if !ok {
			continue
		}
		if root, err := look(folder); err == nil && p.on(root) {
			return folder, true
		}
	}
	return "", false
}

// matchFolder returns the leading folder of path that pattern describes, when
// path goes on below it. "*" stands for one part, whatever its name.
func matchFolder(pattern, path string) (string, bool) {
	want, have := strings.Split(pattern, separator), strings.Split(path, separator)
	if len(have) <= len(want) {
		return "", false
	}
	for i, part := range want {
		if part != have[i] && part != "*" {
			return "", false
		}
	}
	return strings.Join(have[:len(want)], separator), true
}
