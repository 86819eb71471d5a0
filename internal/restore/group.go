package restore

import (
	"os"
	"path/filepath"
)

// Companions returns the names of the folders of the other restores of the receipt's
// run, the newest first: those that changed something and were not taken back. What
// can't be read is left out.
func (r *Receipt) Companions() (names []string) {
	if r.Group == "" {
		return nil
	}
	restores := filepath.Dir(r.Dir)
	entries, err := os.ReadDir(restores)
	if err != nil {
		return nil
	}
	undone := map[string]bool{}
	for i := len(entries) - 1; i >= 0; i-- { // names begin with the time
		name := entries[i].Name()
		other, err := Retrace(filepath.Join(restores, name))
		switch {
		case err != nil:
		case other.Undoes != "":
			undone[other.Undoes] = undone[other.Undoes] || other.Complete && !undone[name]
		case other.Group == r.Group && name != filepath.Base(r.Dir) && !undone[name] && other.changed():
			names = append(names, name)
		}
	}
	return names
}
