#!/usr/bin/env python3
"""The Debian packages: what is in them, what it depends on, and that its settings and unit make sense."""

import os
import re
import shutil
import stat
import sys
import tempfile
import unittest

from build_tree import BUILD, run
from nodes import ROOT


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="holdfast-test-")
        run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", cls.folder)
        files = sorted(name for name in os.listdir(cls.folder) if name.endswith(".deb"))
        assert [name.split("_")[0] for name in files] == ["holdfast", "libholdfast-dev"], files
        cls.package, cls.library = (os.path.join(cls.folder, name) for name in files)
        cls.root = os.path.join(cls.folder, "root")
        run("dpkg-deb", "-x", cls.package, cls.root)
        run("dpkg-deb", "-e", cls.package, os.path.join(cls.folder, "control"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def control(self, name):
        with open(os.path.join(self.folder, "control", name)) as file:
            return file.read()

    def test_each_file_has_its_place(self):
        for name in ("usr/lib/systemd/system/holdfast.service", "usr/lib/sysusers.d/holdfast.conf",
                     "etc/holdfast/holdfast.toml", "usr/share/doc/holdfast/README.md",
                     "usr/share/doc/holdfast/copyright", "usr/share/doc/holdfast/formats/log.md"):
            mode = os.stat(self.path(name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o644, name)
        self.assertEqual(sorted(os.listdir(self.root)), ["etc", "usr"])
        self.assertEqual(os.listdir(self.path("usr/bin")), ["holdfast"])

    def test_the_library_is_a_package_of_its_own(self):
        names = re.findall(r" \./(\S+)$", run("dpkg-deb", "-c", self.library), re.MULTILINE)
        kinds = {os.path.basename(name) for name in names if not name.endswith("/")}
        self.assertLessEqual({"mutex.h", "libholdfast.a", "HoldfastConfig.cmake"}, kinds)
        self.assertFalse({"holdfast", "holdfast.toml", "postinst"} & kinds, kinds)
        self.assertFalse([name for name in os.listdir(self.path("usr/lib")) if name == "cmake"])
        self.assertEqual(run("dpkg-deb", "-f", self.library, "Depends").strip(),
                         "libfmt-dev, libssl-dev")

    def test_the_program_runs_with_what_the_package_depends_on(self):
        self.assertRegex(run(self.path("usr/bin/holdfast"), "--version"), r"^holdfast \d")
        depends = re.search(r"^Depends: (.*)$", self.control("control"), re.MULTILINE)[1]
        names = {re.split(r"[ (]", part.strip())[0] for part in depends.split(",")}
        for library in ("libc6", "libstdc++6", "libssl3", "libfmt9", "passwd"):
            self.assertIn(library, names)
        self.assertFalse([name for name in names if name.endswith("-dev")])

    def test_the_settings_are_kept_and_accepted(self):
        self.assertEqual(self.control("conffiles"), "/etc/holdfast/holdfast.toml\n")
        printed = run(self.path("usr/bin/holdfast"), "server", "--config",
                      self.path("etc/holdfast/holdfast.toml"), "--print-config",
                      env={"PATH": os.environ["PATH"]})
        self.assertRegex(printed, r'(?m)^data = "/var/lib/holdfast" .*holdfast\.toml')
        # What stands there as an example is accepted too.
        with open(self.path("etc/holdfast/holdfast.toml")) as file:
            text = re.sub(r"(?m)^# ([a-z-]+ = )", r"\1", file.read())
        example = os.path.join(self.folder, "example.toml")
        with open(example, "w") as file:
            file.write(text)
        printed = run(self.path("usr/bin/holdfast"), "server", "--config", example, "--print-config",
                      env={"PATH": os.environ["PATH"]})
        self.assertIn("bootstrap = true", printed)

    def test_the_unit_names_what_is_there(self):
        with open(self.path("usr/lib/systemd/system/holdfast.service")) as file:
            unit = file.read()
        start = re.search(r"^ExecStart=(\S+) server --config (\S+)$", unit, re.MULTILINE)
        for name in start.groups():
            self.assertTrue(os.path.exists(self.path(name[1:])), name)
        self.assertNotRegex(unit, "@(prefix|etc)@")
        for line in ("User=holdfast", "NoNewPrivileges=yes", "ProtectSystem=strict",
                     "StateDirectory=holdfast", "SystemCallFilter=@system-service"):
            self.assertIn(line + "\n", unit)

    def test_scripts_are_shell(self):
        for name in ("postinst", "prerm", "postrm"):
            script = os.path.join(self.folder, "control", name)
            self.assertEqual(stat.S_IMODE(os.stat(script).st_mode), 0o755)
            run("sh", "-n", script)

    def test_lintian_finds_no_error(self):
        if shutil.which("lintian") is None:
            print("SKIP: lintian of the Debian package: lintian is not installed")
            self.skipTest("no lintian")
        run("lintian", "--fail-on", "error", "--allow-root", self.package)


if __name__ == "__main__":
    os.chdir(ROOT)
    for tool in ("cpack", "dpkg-deb", "dpkg-shlibdeps"):
        if shutil.which(tool) is None:
            print(f"SKIP: the Debian package: {tool} is not installed")
            sys.exit(77)
    if not os.path.exists(os.path.join(BUILD, "CPackConfig.cmake")):
        print("SKIP: the Debian package: the binary is not in a build folder")
        sys.exit(77)
    sys.exit(unittest.main())
