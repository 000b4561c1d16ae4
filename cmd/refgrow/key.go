package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"

	"github.com/refgrow-go/refgrow"
)

// keyFlags describe a key to be made.
type keyFlags struct {
	project, name string
	readOnly      bool
}

func keyCreateCommand() command {
	return command{
		name: "key create", summary: "make an API key for a project",
		example: "refgrow key create --project shop --name reporting --read-only",
		text: "Makes an API key for a project and prints it, alone, on stdout. It is stored only as a hash and\n" +
			"cannot be shown again.\n\n" +
			`JSON: {"id", "project", "name", "read_only", "created_at", "key"}`,
		prepare: func(flags *flag.FlagSet) work {
			var k keyFlags
			flags.StringVar(&k.project, "project", "", projectUsage)
			flags.StringVar(&k.name, "name", "", "a `LABEL` for people, up to 100 characters")
			flags.BoolVar(&k.readOnly, "read-only", false, "make a key that can only read")
			return k.create
		},
	}
}

func (k *keyFlags) create(ctx context.Context, c *call) error {
	return c.withEngineOf(ctx, k.project, func(engine *refgrow.Engine, project *refgrow.Project) error {
		token, key, err := engine.CreateKey(ctx, project, refgrow.CreateKeyParams{Name: k.name, ReadOnly: k.readOnly})
		if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "name" {
			return usage("--name %s", own.Message)
		}
		if err != nil {
			return err
		}
		if c.json {
			return c.stdout.json(newKeyJSON{
				ID: key.ID, Project: key.ProjectName, Name: key.Name,
				ReadOnly: key.ReadOnly, CreatedAt: stamp(key.CreatedAt), Key: token,
			})
		}
		return c.stdout.printf("%s\n", token)
	})
}

type newKeyJSON struct {
	ID        int64  `json:"id"`
	Project   string `json:"project"`
	Name      string `json:"name"`
	ReadOnly  bool   `json:"read_only"`
	CreatedAt string `json:"created_at"`
	Key       string `json:"key"`
}

func keyListCommand() command {
	return command{
		name: "key list", summary: "list the API keys, without their secrets",
		example: "refgrow key list",
		lists:   true,
		text: "Lists the API keys of all projects, the oldest first, revoked ones too.\n\n" +
			`JSON: an array of {"id", "project", "name", "read_only", "created_at", "revoked_at"}; revoked_at is null` +
			"\nwhile the key works.",
		prepare: func(*flag.FlagSet) work { return listKeys },
	}
}

func listKeys(ctx context.Context, c *call) error {
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		keys, err := engine.Keys(ctx)
		if err != nil {
			return err
		}
		list := make([]keyJSON, len(keys))
		for i, k := range keys {
			list[i] = keyJSON{
				ID: k.ID, Project: k.ProjectName, Name: k.Name, ReadOnly: k.ReadOnly,
				CreatedAt: stamp(k.CreatedAt), RevokedAt: optionalStamp(k.RevokedAt),
			}
		}
		return show(c, keyView(), each(list))
	})
}

func keyView() view[keyJSON] {
	return view[keyJSON]{
		headings: []string{"ID", "PROJECT", "ACCESS", "CREATED", "REVOKED", "NAME"},
		row: func(k *keyJSON) []string {
			access, revoked := "full", "no"
			if k.ReadOnly {
				access = "read-only"
			}
			if k.RevokedAt != nil {
				revoked = *k.RevokedAt
			}
			return []string{strconv.FormatInt(k.ID, 10), k.Project, access, k.CreatedAt, revoked, k.Name}
		},
		form: marshaled[keyJSON],
	}
}

type keyJSON struct {
	ID        int64   `json:"id"`
	Project   string  `json:"project"`
	Name      string  `json:"name"`
	ReadOnly  bool    `json:"read_only"`
	CreatedAt string  `json:"created_at"`
	RevokedAt *string `json:"revoked_at"`
}

func keyRevokeCommand() command {
	return command{
		name: "key revoke", operand: "ID", summary: "end an API key",
		example: "refgrow key revoke 2",
		text: "Ends the key that \"refgrow key list\" shows with this id. A running server refuses it within a\n" +
			"second.\n\n" + `JSON: {"id", "revoked": true}`,
		prepare: func(*flag.FlagSet) work { return revokeKey },
	}
}

func revokeKey(ctx context.Context, c *call) error {
	id, err := c.id("key")
	if err != nil {
		return err
	}
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		switch err := engine.RevokeKey(ctx, id); {
		case errors.Is(err, refgrow.ErrNotFound):
			return fmt.Errorf("there is no key %d in %s; \"refgrow key list\" shows the existing ones", id, c.db)
		case errors.Is(err, refgrow.ErrConflict):
			return fmt.Errorf("the key %d was already revoked", id)
		case err != nil:
			return err
		}
		if c.json {
			return c.stdout.json(revokedJSON{ID: id, Revoked: true})
		}
		return c.stdout.printf("revoked key %d\n", id)
	})
}

type revokedJSON struct {
	ID      int64 `json:"id"`
	Revoked bool  `json:"revoked"`
}
