package opaque

import "io/fs"

// OnReadDir takes the place of os.ReadDir.
func OnReadDir(f *Files, read func(string) ([]fs.DirEntry, error)) { f.readDir = read }

// OnCopied is called when a file has been copied, before it is looked at again.
func OnCopied(f *Files, do func()) { f.copied = do }
