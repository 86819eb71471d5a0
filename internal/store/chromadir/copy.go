package chromadir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// copyIndex copies the index of a segment, where there is one, into a folder of
// ours, which it returns. Of the elements only those that the header counts are
// copied. damage is what could not be read; err, that nothing can be written here.
func (s *snapshot) copyIndex(path, segment string) (folder string, damage, err error) {
	if folder, err = os.MkdirTemp(s.folder, "index-"); err != nil {
		return "", nil, err
	}
	if !isFolderName(segment) {
		return folder, fmt.Errorf("the database names %q as the folder of its index", segment), nil
	}
	from := filepath.Join(path, segment)
	limits := map[string]int64{headerFile: -1, pickleFile: -1, level0File: -1, lengthFile: -1}
	if text, err := readRegular(filepath.Join(from, headerFile)); err == nil {
		if h, err := parseHeader(text); err == nil {
			limits[level0File], limits[lengthFile] = h.count*h.elementSize, 4*h.count
		}
	}
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		source := filepath.Join(from, name)
		err := copyFile(filepath.Join(folder, name), source, limits[name])
		switch failure := (*fs.PathError)(nil); {
		case err == nil, errors.Is(err, fs.ErrNotExist):
		case errors.As(err, &failure) && failure.Path == source:
			damage = errors.Join(damage, fmt.Errorf("%s: %w", name, failure.Err))
		default:
			return folder, damage, err
		}
	}
	return folder, damage, nil
}

// isFolderName reports whether a segment's id, which a damaged database may make
// anything of, names a folder in the directory.
func isFolderName(segment string) bool {
	return filepath.IsLocal(segment) && filepath.Base(segment) == segment && segment != "." && !strings.ContainsRune(segment, 0)
}

// errIrregular is of what opening might wait for without end, or read so.
var errIrregular = errors.New("it is no regular file")

// openRegular opens a file for reading; links are followed.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errIrregular}
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

func readRegular(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// copyFile copies a file, or its first bytes where limit is not negative.
func copyFile(to, from string, limit int64) error {
	in, err := openRegular(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	var source io.Reader = in
	if limit >= 0 {
		source = io.LimitReader(in, limit)
	}
	if _, err := io.Copy(out, source); err != nil {
		return err
	}
	return out.Close()
}

// printOf tells states of files apart, by their sizes and times.
func printOf(path string, suffixes ...string) string {
	var text []byte
	for _, suffix := range suffixes {
		info, err := os.Stat(path + suffix)
		if err != nil {
			text = fmt.Appendf(text, "%s: none\n", suffix)
			continue
		}
		text = fmt.Appendf(text, "%s: %d %d\n", suffix, info.Size(), info.ModTime().UnixNano())
	}
	return string(text)
}

// printIndexes tells states of the indexes of all segments apart, also of those
// that a link leads to.
func printIndexes(path string) (map[string]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	prints := map[string]string{}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(path, e.Name())); err == nil && info.IsDir() {
			prints[e.Name()] = printOf(filepath.Join(path, e.Name())+string(filepath.Separator),
				headerFile, level0File, lengthFile, pickleFile)
		}
	}
	return prints, nil
}
