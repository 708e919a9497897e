package msb

// #include <msb.h>
import "C"

import "io/fs"

// Mount is what a guest sees at one place of its tree. Exactly one of Volume, Bind, Tmpfs and Disk is required.
type Mount struct {
	// GuestPath is where: an absolute path without "..", made if it is missing. Required.
	GuestPath string

	// Volume is the name of a volume to show.
	Volume string
	// VolumeMode is "existing", which requires the volume, "create", which makes it, or "ensure", which makes it if it is
	// missing.
	VolumeMode string
	// VolumeKind, VolumeQuotaMiB and VolumeCapacityMiB are of the volume to make; see [VolumeConfig].
	VolumeKind        string
	VolumeQuotaMiB    uint64
	VolumeCapacityMiB uint64

	// Bind is a directory or a file of the host to show.
	Bind string

	// Tmpfs shows an empty directory in guest memory, of at most TmpfsSizeMiB, with the permissions TmpfsMode.
	Tmpfs        bool
	TmpfsSizeMiB uint32
	TmpfsMode    fs.FileMode

	// Disk is a disk image of the host whose file system to show.
	Disk string
	// DiskFormat is "raw", "qcow2", or "probe" to tell by its content.
	DiskFormat string
	// DiskFstype is the file system by the guest kernel's name; unset, the guest looks.
	DiskFstype string

	// What the guest cannot do with it.
	ReadOnly, NoExec, NoSuid, NoDev bool
	// Owner is whom the guest sees everything on it owned by; unset, as on the host.
	Owner *Owner
}

// Owner is a user and a group by number.
type Owner struct {
	UID, GID uint32
}

// c makes the config in C, to be freed by the caller.
func (mount *Mount) c() (*C.msb_mount_config, error) {
	path, err := cText("guest_path", mount.GuestPath)
	if err != nil {
		return nil, err
	}
	c := C.msb_mount_config_new(path)
	if c == nil {
		return nil, outOfMemory()
	}
	b := new(builder)
	mount.volume(c, b)
	mount.source(c, b)
	mount.rights(c, b)
	if b.err != nil {
		C.msb_mount_config_free(c)
		return nil, b.err
	}
	return c, nil
}

func (mount *Mount) volume(c *C.msb_mount_config, b *builder) {
	b.text("volume", mount.Volume, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_volume(c, v, err)
	})
	b.text("volume_mode", mount.VolumeMode, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_volume_mode(c, v, err)
	})
	b.text("volume_kind", mount.VolumeKind, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_volume_kind(c, v, err)
	})
	number(b, mount.VolumeQuotaMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_volume_quota_mib(c, C.uint64_t(mount.VolumeQuotaMiB), err)
	})
	number(b, mount.VolumeCapacityMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_volume_capacity_mib(c, C.uint64_t(mount.VolumeCapacityMiB), err)
	})
}

func (mount *Mount) source(c *C.msb_mount_config, b *builder) {
	b.text("bind", mount.Bind, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_bind(c, v, err)
	})
	b.flag(mount.Tmpfs, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_tmpfs(c, 1, err)
	})
	number(b, mount.TmpfsSizeMiB, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_tmpfs_size_mib(c, C.uint32_t(mount.TmpfsSizeMiB), err)
	})
	number(b, unixMode(mount.TmpfsMode), func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_tmpfs_mode(c, C.uint32_t(unixMode(mount.TmpfsMode)), err)
	})
	b.text("disk", mount.Disk, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_disk(c, v, err)
	})
	b.text("disk_format", mount.DiskFormat, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_disk_format(c, v, err)
	})
	b.text("disk_fstype", mount.DiskFstype, func(v *C.char, err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_disk_fstype(c, v, err)
	})
}

func (mount *Mount) rights(c *C.msb_mount_config, b *builder) {
	b.flag(mount.ReadOnly, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_read_only(c, 1, err)
	})
	b.flag(mount.NoExec, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_noexec(c, 1, err)
	})
	b.flag(mount.NoSuid, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_nosuid(c, 1, err)
	})
	b.flag(mount.NoDev, func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_nodev(c, 1, err)
	})
	if mount.Owner == nil {
		return
	}
	b.call(func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_uid(c, C.uint32_t(mount.Owner.UID), err)
	})
	b.call(func(err **C.msb_error) C.msb_status {
		return C.msb_mount_config_set_gid(c, C.uint32_t(mount.Owner.GID), err)
	})
}
