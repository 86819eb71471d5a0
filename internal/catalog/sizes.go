package catalog

import (
	"os"
	"path/filepath"

	"keepsake/internal/bundle"
)

// SizeFault says which file is not there in the size of the meta, "" when all are. No
// file is read. It looks once.
func (e *Entry) SizeFault() string {
	if e.Meta == nil || e.Meta.Keepsake == nil {
		return ""
	}
	e.look()
	for i := range e.Meta.Keepsake.Files {
		if why := e.misfits[e.Meta.Keepsake.Files[i].Path]; why != "" {
			return why
		}
	}
	return ""
}

// look compares the files with their sizes in the meta.
func (e *Entry) look() {
	if e.misfits != nil {
		return
	}
	e.misfits = map[string]string{}
	for i := range e.Meta.Keepsake.Files {
		f := &e.Meta.Keepsake.Files[i]
		if f.Kind == bundle.IndexFile { // without it the bundle is as good as before
			continue
		}
		if why := e.misfit(f); why != "" {
			e.misfits[f.Path] = why
		}
	}
}

func (e *Entry) misfit(f *bundle.FileMeta) string {
	info, err := os.Lstat(filepath.Join(e.Path, filepath.FromSlash(f.Path)))
	switch {
	case err != nil:
		return f.Path + " is missing"
	case !info.Mode().IsRegular() || info.Size() != f.Bytes:
		return f.Path + " has not the size that the meta says"
	}
	return ""
}
