package chromadir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyIndex copies the index of a segment, where there is one. Of the elements
// only those that the header counts: there may be room for many more.
func (s *snapshot) copyIndex(path, segment string) error {
	from, to := filepath.Join(path, segment), filepath.Join(s.folder, segment)
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	limits := map[string]int64{headerFile: -1, pickleFile: -1, level0File: -1, lengthFile: -1}
	if text, err := os.ReadFile(filepath.Join(from, headerFile)); err == nil {
		if h, err := parseHeader(text); err == nil {
			limits[level0File], limits[lengthFile] = h.count*h.elementSize, 4*h.count
		}
	}
	for name, limit := range limits {
		if err := copyFile(filepath.Join(to, name), filepath.Join(from, name), limit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyFile copies a file, or its first bytes where limit is not negative.
func copyFile(to, from string, limit int64) error {
	in, err := os.Open(from)
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

// printIndexes tells states of the indexes of all segments apart.
func printIndexes(path string) (map[string]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	prints := map[string]string{}
	for _, e := range entries {
		if e.IsDir() {
			prints[e.Name()] = printOf(filepath.Join(path, e.Name())+string(filepath.Separator),
				headerFile, level0File, lengthFile, pickleFile)
		}
	}
	return prints, nil
}
