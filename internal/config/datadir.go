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

// locate finds the data dir and the configuration. The file is the one that a flag
// names, and then speaks first; else it stands beside the data dir, and may name
// another one; else it is found by itself.
func (l *loader) locate() error {
	named, err := l.namedFile()
	if err != nil {
		return err
	}
	dir, err := l.namedDataDir()
	if err != nil {
		return err
	}
	switch {
	case dir.V != "" || l.file.declares():
	case named:
		dir, err = findDataDir(l.opts.Start)
	default:
		dir, err = l.search(l.opts.Start)
	}
	if err != nil {
		return err
	}
	if l.file.path.V == "" && dir.V != "" {
		if err := l.readBeside(dir); err != nil {
			return err
		}
	}
	if dir, err = l.moved(dir); err != nil {
		return err
	}
	l.cfg.File, l.cfg.DataDir = l.file.path, dir
	return l.checkDataDir()
}

// readBeside reads the file beside the data dir; else the one in it, when that
// says that it is in its memory's folder.
func (l *loader) readBeside(dir Value[string]) (err error) {
	beside := filepath.Join(filepath.Dir(dir.V), FileName)
	l.file, err = readFile(Value[string]{beside, Source{Kind: FromDetection, Name: "beside " + dir.V}}, false)
	if err != nil || l.file.path.V != "" || dir.Source.Kind != FromFlag {
		return err
	}
	within := filepath.Join(dir.V, FileName)
	f, err := readFile(Value[string]{within, Source{Kind: FromDetection, Name: within}}, false)
	if err == nil && f.declares() {
		l.file = f
	}
	return err
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

// moved returns the data dir that the file names instead of dir. With the preset
// chroma, whose memory has no folder of its own, it is the file's.
func (l *loader) moved(dir Value[string]) (Value[string], error) {
	if dir.Source.Kind == FromFlag {
		return dir, nil
	}
	if other, ok := l.key(l.file.DataDir); ok {
		return l.absolute(other)
	}
	if l.file.declares() {
		path := l.file.path.V
		return Value[string]{filepath.Dir(path), Source{Kind: FromDetection, Name: "folder of " + path}}, nil
	}
	return dir, nil
}

func (l *loader) checkDataDir() error {
	dir := l.cfg.DataDir
	if dir.V == "" {
		if l.opts.DataDirOptional {
			return nil
		}
		return &NoDataDirError{Path: l.opts.Start, Passed: l.passed, Err: fs.ErrNotExist}
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

// isDir reports whether there is a directory at path. What is there and can't be
// looked at is an error.
func isDir(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil && info.IsDir(), cause(err)
}
