package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// walk asks the system for the final name of the deepest part that exists: that
// resolves links, junctions, short names and case at once. Windows takes ".."
// out of a path before it looks at links, and so does Clean.
func walk(path string) (location, error) {
	at, rest := filepath.Clean(path), ""
	for {
		p, err := look(at)
		if err == nil {
			return p.reached(path, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return location{}, err
		}
		if _, err := os.Lstat(at); err == nil {
			return location{}, fmt.Errorf("%s is a link to nowhere", at)
		}
		parent := filepath.Dir(at)
		if parent == at {
			return location{}, fmt.Errorf("%s: no such volume", at)
		}
		at, rest = parent, filepath.Join(filepath.Base(at), rest)
	}
}

// reached is p, or the place of rest below it, with every name on the way looked at.
func (p location) reached(written, rest string) location {
	if rest != "" {
		p = p.under(rest)
	}
	for _, name := range strings.FieldsFunc(written+separator+p.resolved, isSeparator) {
		// The system drops dots and spaces at the end, and ":" begins a stream.
		name, _, _ = strings.Cut(name, ":")
		p.neo = p.neo || isNeoDataDir(strings.TrimRight(name, ". "))
	}
	return p
}

func isSeparator(r rune) bool { return r == '\\' || r == '/' }

func look(path string) (location, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return location{}, err
	}
	share := uint32(windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE)
	h, err := windows.CreateFile(name, 0, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return location{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer windows.CloseHandle(h) //nolint:errcheck // nothing was written
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return location{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	final, err := finalName(h)
	if err != nil {
		return location{}, &fs.PathError{Op: "resolve", Path: path, Err: err}
	}
	p := location{resolved: final, exists: true, links: uint64(info.NumberOfLinks)}
	p.id = fileID{uint64(info.VolumeSerialNumber), uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)}
	if info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		p.kind, p.links = fs.ModeDir, 0
	}
	return p, nil
}

func finalName(h windows.Handle) (string, error) {
	buf := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetFinalPathNameByHandle(h, &buf[0], uint32(len(buf)), 0)
	if err != nil {
		return "", err
	}
	if n == 0 || int(n) >= len(buf) {
		return "", windows.ERROR_FILENAME_EXCED_RANGE
	}
	name := windows.UTF16ToString(buf[:n])
	if unc, ok := strings.CutPrefix(name, `\\?\UNC\`); ok {
		return `\\` + unc, nil
	}
	return strings.TrimPrefix(name, `\\?\`), nil
}
