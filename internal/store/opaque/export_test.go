package opaque

import "io/fs"

// OnReadDir takes the place of os.ReadDir.
func OnReadDir(f *Files, read func(string) ([]fs.DirEntry, error)) { f.readDir = read }
