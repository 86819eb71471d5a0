package config

import (
	"fmt"
	"path/filepath"
)

// upward calls look with start and each folder above it, until it finds something.
// None is found when start is not absolute.
func upward(start string, look func(dir string) (Value[string], error)) (Value[string], error) {
	if !filepath.IsAbs(start) {
		return Value[string]{}, nil
	}
	for dir := filepath.Clean(start); ; dir = filepath.Dir(dir) {
		found, err := look(dir)
		if err != nil || found.V != "" || dir == filepath.Dir(dir) {
			return found, err
		}
	}
}

// findDataDir returns the nearest data dir in start or above it.
func findDataDir(start string) (Value[string], error) { return upward(start, dataDirIn) }

// dataDirIn returns the data dir in a folder. One that can't be looked at is an
// error: the next one above would be another memory.
func dataDirIn(dir string) (Value[string], error) {
	candidate := filepath.Join(dir, DataDirName)
	found := Source{Kind: FromDetection, Name: candidate}
	there, err := isDir(candidate)
	switch {
	case err != nil:
		return Value[string]{}, &NoDataDirError{Path: candidate, Source: found, Err: err}
	case there:
		return Value[string]{candidate, found}, nil
	}
	return Value[string]{}, nil
}

// search returns the data dir of the nearest memory in start or above it: that of
// Neo, or one that a configuration speaks of, which is read then.
func (l *loader) search(start string) (Value[string], error) {
	return upward(start, func(dir string) (Value[string], error) {
		found, err := dataDirIn(dir)
		if err != nil || found.V != "" {
			return found, err
		}
		if err := l.fileIn(dir); err != nil {
			return Value[string]{}, err
		}
		return l.moved(Value[string]{})
	})
}

// fileIn reads the configuration in a folder that has no data dir, if there is one
// that says where the memory is. One that can't be read is an error here too: it
// may have said so.
func (l *loader) fileIn(dir string) error {
	path := filepath.Join(dir, FileName)
	f, err := readFile(Value[string]{path, Source{Kind: FromDetection, Name: path}}, false)
	if err != nil || f.path.V == "" {
		return err
	}
	if f.DataDir.given() || f.declares() {
		l.file = f
		return nil
	}
	if f.Preset.given() && f.Preset.text != PresetNeo {
		return unknownPreset(Value[string]{f.Preset.text, f.source(f.Preset)})
	}
	l.passed = append(l.passed, path)
	l.warn("file-passed-over", fmt.Sprintf("%s is not read: no %s is beside it, and it says neither data-dir nor a preset but neo", path, DataDirName),
		l.opts.Hint.Of("file-passed-over"))
	return nil
}
