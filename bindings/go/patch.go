package msb

// #include <msb.h>
import "C"

import (
	"io/fs"
	"unsafe"
)

// PatchOp is what a [Patch] does.
type PatchOp string

// What a patch can do.
const (
	PatchText     PatchOp = "text"      // makes a file with Text
	PatchFile     PatchOp = "file"      // makes a file with Data
	PatchMkdir    PatchOp = "mkdir"     // makes a directory, which may be there already
	PatchAppend   PatchOp = "append"    // adds Text to a file, which must be there
	PatchCopyFile PatchOp = "copy_file" // copies the file Source of the host
	PatchCopyDir  PatchOp = "copy_dir"  // copies the directory Source of the host with all that is in it
	PatchSymlink  PatchOp = "symlink"   // makes a symbolic link to Target
	PatchRemove   PatchOp = "remove"    // removes what is there, if anything is
)

// Patch is one change of a sandbox's root before anybody uses it. Directories above its path that are missing are made.
type Patch struct {
	// Op is what it does and Path, absolute, where in the guest. Both are required.
	Op   PatchOp
	Path string
	// Text, Data, Source and Target are for the operations that name them.
	Text   string
	Data   []byte
	Source string
	Target string
	// Mode has the permissions; zero: 0644 for a new file, 0755 for a new directory, and those of Source for a copied file.
	Mode fs.FileMode
	// Owner is whom it is given to, a copied directory with all that is in it; nil: root.
	Owner *Owner
	// Replace lets it take the place of what is there, which is an error otherwise.
	Replace bool
}

// c makes the config in C, to be freed by the caller.
func (patch *Patch) c() (*C.msb_patch_config, error) {
	c := C.msb_patch_config_new(nil, nil)
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	b.always("op", string(patch.Op), func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_patch_config_set_op(c, v, err)
	})
	b.always("path", patch.Path, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_patch_config_set_path(c, v, err)
	})
	patch.content(c, b)
	patch.rights(c, b)
	if b.err != nil {
		C.msb_patch_config_free(c)
		return nil, b.err
	}
	return c, nil
}

func (patch *Patch) content(c *C.msb_patch_config, b *builder) {
	if patch.Text != "" || patch.Op == PatchText || patch.Op == PatchAppend {
		b.always("text", patch.Text, func(v *C.char, err **C.msb_error) C.msb_status {
			return C.msb_patch_config_set_text(c, v, err)
		})
	}
	if patch.Data != nil || patch.Op == PatchFile {
		b.call(func(err **C.msb_error) C.msb_status {
			return C.msb_patch_config_set_data(c, unsafe.Pointer(unsafe.SliceData(patch.Data)), C.size_t(len(patch.Data)), err)
		})
	}
	b.text("source", patch.Source, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_patch_config_set_source(c, v, err)
	})
	b.text("target", patch.Target, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_patch_config_set_target(c, v, err)
	})
}

func (patch *Patch) rights(c *C.msb_patch_config, b *builder) {
	number(b, unixMode(patch.Mode), func(err **C.msb_error) C.msb_status {
		return C.msb_patch_config_set_mode(c, C.uint32_t(unixMode(patch.Mode)), err)
	})
	if patch.Owner != nil {
		b.call(func(err **C.msb_error) C.msb_status {
			return C.msb_patch_config_set_uid(c, C.uint32_t(patch.Owner.UID), err)
		})
		b.call(func(err **C.msb_error) C.msb_status {
			return C.msb_patch_config_set_gid(c, C.uint32_t(patch.Owner.GID), err)
		})
	}
	b.flag(patch.Replace, func(err **C.msb_error) C.msb_status {
		return C.msb_patch_config_set_replace(c, 1, err)
	})
}

func (b *builder) patch(c *C.msb_sandbox_config, patch *Patch) {
	if b.err != nil {
		return
	}
	var p *C.msb_patch_config
	if p, b.err = patch.c(); b.err != nil {
		return
	}
	defer C.msb_patch_config_free(p)
	b.call(func(err **C.msb_error) C.msb_status { return C.msb_sandbox_config_add_patch(c, p, err) })
}
