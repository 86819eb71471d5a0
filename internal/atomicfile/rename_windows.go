package atomicfile

import "golang.org/x/sys/windows"

// renameNoReplace leaves out MOVEFILE_REPLACE_EXISTING, which os.Rename sets.
func renameNoReplace(from, to string) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return linkError(from, to, err)
	}
	goal, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return linkError(from, to, err)
	}
	return linkError(from, to, windows.MoveFileEx(old, goal, windows.MOVEFILE_WRITE_THROUGH))
}
