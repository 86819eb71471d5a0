package chroma

import (
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Kind describes Chroma servers in the table of kinds.
func Kind() store.Kind {
	return store.Kind{
		Name: memory.KindChroma, Form: "chroma:http://host:port[/tenant/database][#collection]",
		Parse: store.ParseServer, Holds: []memory.Kind{memory.Vectors}, Server: true, Databases: true,
		Sources: func(o store.Opening) ([]store.Opened, error) {
			s, err := Open(o)
			return []store.Opened{{Store: s, Kind: memory.Vectors, Sections: o.Named(), Literal: o.LiteralSections()}}, err
		},
		Target: func(o store.Opening, _ memory.Kind) (store.Target, error) { return Open(o) },
	}
}

// Open returns the server of an opening, as New does.
func Open(o store.Opening) (*Server, error) {
	return New(Config{
		BaseURL: o.Address(), Tenant: o.Tenant, Database: o.Database, Token: o.Token, Headers: o.Headers,
		Collections: o.Collections, Others: o.Others(), Takes: o.Takes, Literal: o.Literal, Known: o.Known, Chosen: o.Tenant != "",
		PageRows: o.PageRows, PageBytes: o.PageBytes, Timeout: o.Timeout, Now: o.Now,
	})
}
