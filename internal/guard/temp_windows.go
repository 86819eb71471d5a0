package guard

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// temporaryFolders come from the user's profile and the system folder.
// GetTempPath is not asked: it reads TMP and TEMP.
func temporaryFolders() []string {
	var folders []string
	add := func(parent string, err error) {
		if err != nil {
			return
		}
		// As written, a folder has the case of whoever wrote it.
		if p, err := look(filepath.Join(parent, "Temp")); err == nil {
			folders = append(folders, p.resolved)
		}
	}
	add(windows.KnownFolderPath(windows.FOLDERID_LocalAppData, 0))
	add(windows.GetSystemWindowsDirectory())
	return folders
}
