package storetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Die ends this process by SIGKILL, as a power cut would, and does not return.
func Die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err == nil {
		select {} // until it has come
	}
	panic(err)
}

// Names lists a folder, in order and with a space between the names.
func Names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// Tree is all that a directory holds, with times.
func Tree(t testing.TB, dir string) string {
	t.Helper()
	var all []byte
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		all = append(all, path+" "+info.ModTime().String()+" "+info.Mode().String()+"\n"...)
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all = append(all, text...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
