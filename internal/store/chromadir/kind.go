package chromadir

import (
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Kind describes Chroma's persist directories in the table of kinds: nobody writes to
// one but its server.
func Kind() store.Kind {
	return store.Kind{
		Name: memory.KindChromaDir, Form: "chromadir:PATH",
		Parse: store.ParsePath, Holds: []memory.Kind{memory.Vectors}, Databases: true,
		Sources: func(o store.Opening) ([]store.Opened, error) {
			return []store.Opened{{Store: Lazily(o), Kind: memory.Vectors, Sections: o.Named(), Literal: o.LiteralSections()}}, nil
		},
	}
}

// Lazily returns the directory of an opening. The folder for its copies is made when it
// is opened.
func Lazily(o store.Opening) store.Store {
	return store.Lazily(func() (store.Store, error) {
		temp, err := o.Temp()
		if err != nil {
			return nil, err
		}
		return New(Config{
			Path: o.Path, Tenant: o.Tenant, Database: o.Database, TempDir: temp, Now: o.Now,
			Collections: o.Collections, Others: o.Others(), Takes: o.Takes, Literal: o.Literal, Known: o.Known, Chosen: o.Tenant != "",
		}), nil
	})
}
