package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// DataDirName is the folder that Neo.mjs keeps its memory in.
const DataDirName = ".neo-ai-data"

// locate finds the data dir and the configuration: the file stands beside the
// data dir and may name another one, or is named by a flag and then speaks first.
func (l *loader) locate() error {
	named, err := l.namedFile()
	if err != nil {
		return err
	}
	dir, err := l.namedDataDir()
	if err != nil {
		return err
	}
	if dir.V == "" {
		if dir, err = findDataDir(l.opts.Start); err != nil {
			return err
		}
	}
	if !named && dir.V != "" {
		beside := filepath.Join(filepath.Dir(dir.V), FileName)
		if l.file, err = readFile(Value[string]{beside, Source{Kind: FromDetection, Name: "beside " + dir.V}}, false); err != nil {
			return err
		}
		if dir, err = l.moved(dir); err != nil {
			return err
		}
	}
	l.cfg.File, l.cfg.DataDir = l.file.path, dir
	return l.checkDataDir()
}

// namedFile reads the file that --config names.
func (l *loader) namedFile() (bool, error) {
	path, ok := l.flag(FlagConfig)
	if !ok {
		return false, nil
	}
	path, err := l.absolute(path)
	if err != nil {
		return false, err
	}
	l.file, err = readFile(path, true)
	return true, err
}

// namedDataDir returns the data dir that the flag or the named file gives.
func (l *loader) namedDataDir() (Value[string], error) {
	if dir, ok := l.flag(FlagDataDir); ok {
		return l.absolute(dir)
	}
	if dir, ok := l.key(l.file.DataDir); ok {
		return l.absolute(dir)
	}
	return Value[string]{}, nil
}

// moved returns the data dir that the file beside dir names instead of it.
func (l *loader) moved(dir Value[string]) (Value[string], error) {
	if dir.Source.Kind == FromFlag {
		return dir, nil
	}
	if other, ok := l.key(l.file.DataDir); ok {
		return l.absolute(other)
	}
	return dir, nil
}

func (l *loader) checkDataDir() error {
	dir := l.cfg.DataDir
	if dir.V == "" {
		if l.opts.DataDirOptional {
			return nil
		}
		return &NoDataDirError{Path: l.opts.Start, Err: fs.ErrNotExist}
	}
	info, err := os.Stat(dir.V)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) && l.opts.DataDirOptional {
		return nil
	}
	return &NoDataDirError{Path: dir.V, Source: dir.Source, Err: cause(err)}
}

// findDataDir returns the nearest data dir in start or above it, none when there
// is none or start is not absolute. One that can't be looked at is an error: the
// next one above would be another memory.
func findDataDir(start string) (Value[string], error) {
	if !filepath.IsAbs(start) {
		return Value[string]{}, nil
	}
	for dir := filepath.Clean(start); ; dir = filepath.Dir(dir) {
		candidate := filepath.Join(dir, DataDirName)
		found := Source{Kind: FromDetection, Name: candidate}
		there, err := isDir(candidate)
		switch {
		case err != nil:
			return Value[string]{}, &NoDataDirError{Path: candidate, Source: found, Err: err}
		case there:
			return Value[string]{candidate, found}, nil
		case dir == filepath.Dir(dir):
			return Value[string]{}, nil
		}
	}
}

// isDir reports whether there is a directory at path. What is there and can't be
// looked at is an error.
func isDir(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil && info.IsDir(), cause(err)
}
