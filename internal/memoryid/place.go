package memoryid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keepsake/internal/memory"
)

// Place is where a memory lives, with the device and inode that its folder had when
// it was last seen: a folder that is reached by two paths is one place. They are 0
// where the system has none.
type Place struct {
	memory.Place

	Device uint64 `json:"device,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`
}

// Here is the place of a data folder, which need not be there, on a machine, as
// MachineOf spells it.
func Here(dataDir, machine string) (Place, error) {
	abs, err := filepath.Abs(dataDir)
	if err != nil {
		return Place{}, fmt.Errorf("find place of %s: %w", dataDir, err)
	}
	resolved, err := resolve(abs)
	if err != nil {
		return Place{}, fmt.Errorf("find place of %s: %w", dataDir, err)
	}
	p := Place{Place: memory.Place{DataDir: resolved, Machine: machine}}
	if info, err := os.Stat(resolved); err == nil {
		p.Device, p.Inode = identify(info)
	}
	return p, nil
}

// resolve follows the links of the deepest part of a path that is there.
func resolve(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	parent := filepath.Dir(path)
	if !errors.Is(err, fs.ErrNotExist) || parent == path {
		return resolved, err
	}
	if resolved, err = resolve(parent); err != nil {
		return "", err
	}
	return filepath.Join(resolved, filepath.Base(path)), nil
}

// sameFolder reports whether both are one folder by its device and inode.
func (p Place) sameFolder(q Place) bool {
	return p.Inode != 0 && p.Inode == q.Inode && p.Device == q.Device && p.OneMachine(q.Place)
}

// is reports whether both are one place.
func (p Place) is(q Place) bool { return p.Same(q.Place) || p.sameFolder(q) }

// At reports whether the memory lives at a place; one of which nobody has said where
// it lives may live anywhere.
func (i Identity) At(here Place) bool {
	return len(i.Places) == 0 || slices.ContainsFunc(i.Places, here.is)
}

// Owner says which bundles are the memory's own.
func (i Identity) Owner() memory.Owner {
	o := memory.Owner{ID: i.MemoryID, Before: i.Before, Also: i.Also}
	for _, p := range i.Places {
		o.Places = append(o.Places, p.Place)
	}
	return o
}

// machineKey keeps the hash of a machine id from being that of another program.
const machineKey = "keepsake: the place of a memory"

// MachineOf makes of a machine's id what may be written down of it: a keyed hash, as
// systemd's sd_id128_get_machine_app_specific, cut to 16 bytes. The id itself is not
// to leave the machine (machine-id(5)). "" stands for no id.
func MachineOf(id string) string {
	id = strings.ToLower(strings.TrimSpace(id))
	if id == "" {
		return ""
	}
	h := hmac.New(sha256.New, []byte(id))
	h.Write([]byte(machineKey))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
