//go:build !linux && !darwin && !windows

package atomicfile

func renameNoReplace(from, to string) error { return renameChecked(from, to) }
