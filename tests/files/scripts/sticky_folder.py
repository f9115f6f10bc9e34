"""What another user than root may replace in this folder, which is as /tmp is: a line for each file."""

import os

from fastmlp.files.access import check_writable, replacing

os.setuid(65534)
for name in ("root", "mine", "new"):
    try:
        check_writable(name)
        said = "fine"
    except PermissionError as error:
        said = str(error)
    try:
        with replacing(name) as file:
            file.write(b"new")
        said += ", fine"
    except PermissionError as error:
        said += f", {error}"
    print(name, said, sep=": ")
