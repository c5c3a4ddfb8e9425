"""What is typed, in order: each command once, with its options.

Words in braces stand for what the lab has (``{file}``, ``{web}``, ``{other}``), and for what
an earlier command has made: ``Command(…, keeps="one")`` keeps the id that it printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Command:
    """``line`` as in a shell, without quotes; an id that it prints is kept as ``keeps``."""

    line: str
    keeps: str = ""


def _commands(program: str, lines: str) -> list[Command]:
    found = []
    for line in lines.strip().splitlines():
        words, _, kept = line.strip().partition(" => ")
        found.append(Command(f"{program} {words}", kept))
    return found


_MADE = "--disk-format raw --container-format bare"
OPENSTACK: Final = f"""
image create {_MADE} --min-disk 1 --min-ram 2 --property os_distro=debian --tag t1 --shared \
--file {{file}} one => one
image create {_MADE} --private --protected --id {{uuid}} --project other two => two
image create {_MADE} --community --unprotected three => three
image list --long --shared --name one --status active --tag t1 --property os_distro=debian \
--sort name:asc --limit 5
image list --hidden
image list --community
image list --all --member-status all --project other
image show {{one}}
image show --human-readable one
image show nothing
image set --name uno --min-disk 2 --min-ram 3 --property a=b --tag t2 --hidden \
--architecture x86_64 --os-distro debian --os-version 12 --kernel-id {{uuid}} \
--ramdisk-id {{uuid}} --instance-id {{uuid}} {{one}}
image set --unhidden --public {{one}}
image set --protected {{one}}
image delete {{one}}
image set --unprotected --shared {{one}}
image set --deactivate {{one}}
image set --activate {{one}}
image set --container-format docker {{one}}
image unset --property a --tag t2 {{one}}
image unset --property nothing {{one}}
image save --file {{out}} --chunk-size 1024 {{one}}
image save --file {{out}} {{three}}
image add project {{one}} other
image add project {{one}} other
image member list {{one}}
image member get {{one}} {{other}}
image set --project other --accept {{one}}
image set --project other --reject {{one}}
image set --project other --pending {{one}}
image remove project {{one}} other
image remove project {{one}} other
image stores list
image stores list --detail
image import info
image create {_MADE} staged => staged
image stage --file {{file}} {{staged}}
image import --method glance-direct {{staged}} --store store1
image create {_MADE} fetched => fetched
image import --method web-download --uri {{web}}/image.raw {{fetched}}
image create {_MADE} --import --file {{file}} imported => imported
image import --method copy-image --store store2 --allow-failure {{one}}
image task list --limit 2 --sort-key created_at --sort-dir desc --type import --status success
image task show {{uuid}}
cached image queue {{one}}
cached image list
cached image delete {{one}}
cached image clear --cache
cached image clear --queue
image metadef namespace create --display-name N --description D --public --protected ns
image metadef namespace list --resource-types OS::Glance::Image --visibility public
image metadef namespace show ns
image metadef namespace set --display-name M --private --unprotected ns
image metadef object create --namespace ns object
image metadef object list ns
image metadef object show ns object
image metadef object update ns object --name thing
image metadef object property show ns thing nothing
image metadef object delete ns thing
image metadef property create --name size --title Size --type integer \
--schema {{{{"default":1}}}} ns
image metadef property list ns
image metadef property show ns size
image metadef property set --name large --title Large --type integer --schema {{{{}}}} ns size
image metadef property delete ns large
image metadef resource type list
image metadef resource type association create ns OS::Glance::Image
image metadef resource type association list ns
image metadef resource type association delete ns OS::Glance::Image
image metadef namespace unset --all ns
image metadef namespace delete ns
image delete --store store2 {{one}}
image delete {{one}} {{three}}
image delete {{one}}
"""
GLANCE: Final = f"""
image-create --name one {_MADE} --visibility shared --min-disk 1 --min-ram 2 --tags t1 \
--property a=b --protected False --hidden False --file {{file}} --store store1 => one
image-create --name two {_MADE} => two
image-list --limit 5 --page-size 2 --visibility shared --hidden False --property-filter a=b \
--sort name:asc --tag t1 --include-stores
image-show --human-readable --max-column-width 40 {{one}}
image-update --name uno --property c=d --remove-property a --min-ram 5 {{one}}
image-tag-update {{one}} t2
image-tag-delete {{one}} t2
image-tag-delete {{one}} t2
image-deactivate {{one}}
image-reactivate {{one}}
image-download --file {{out}} {{one}}
image-upload --file {{file}} --size 1048576 --store store2 {{two}}
member-create {{one}} {{other}}
member-list --image-id {{one}}
member-get {{one}} {{other}}
member-update {{one}} {{other}} accepted
member-delete {{one}} {{other}}
stores-info
stores-info --detail
import-info
usage
image-create --name staged {_MADE} => staged
image-stage --file {{file}} --size 1048576 {{staged}}
image-import --import-method glance-direct --stores store1,store2 {{staged}}
image-create-via-import --name direct {_MADE} --file {{file}} --import-method glance-direct \
--all-stores True => direct
image-create-via-import --name web {_MADE} --uri {{web}}/image.raw --import-method web-download
image-tasks {{one}}
location-add --url {{web}}/image.raw {{one}}
location-update --url {{web}}/image.raw --metadata {{{{"a":"b"}}}} {{one}}
location-delete --url {{web}}/image.raw {{one}}
image-create --name located {_MADE} => located
add-location --url {{web}}/image.raw {{located}}
cache-queue {{one}}
cache-list
cache-nodes-list {{one}}
cache-delete {{one}}
cache-clear --target queue
cache-clean
cache-prune
task-create --type import --input {{{{"import_from":"{{web}}/image.raw","import_from_format":\
"raw","image_properties":{{{{"disk_format":"raw","container_format":"bare"}}}}}}}} => task
task-list --sort-key id --sort-dir asc --page-size 5 --type import --status pending
task-show {{uuid}}
md-namespace-create --display-name N --description D --visibility public --protected False gn
md-namespace-list --resource-types OS::Glance::Image --visibility public --page-size 2
md-namespace-show gn
md-namespace-update --display-name M gn
md-namespace-import --file {{namespace}}
md-object-create --name object --schema {{{{"description":"d"}}}} gn
md-object-list gn
md-object-show gn object
md-object-update --name thing --schema {{{{"description":"e"}}}} gn object
md-object-property-show gn thing nothing
md-object-delete gn thing
md-property-create --name size --title Size --type integer --schema {{{{"type":"integer"}}}} gn
md-property-list gn
md-property-show gn size
md-property-update --name large --title Large --schema {{{{"type":"integer"}}}} gn size
md-property-delete gn large
md-tag-create --name tag gn
md-tag-create-multiple --names a,b gn
md-tag-list gn
md-tag-show gn a
md-tag-update --name c gn a
md-tag-delete gn c
md-resource-type-list
md-resource-type-associate --name OS::Glance::Image gn
md-namespace-resource-type-list gn
md-resource-type-deassociate gn OS::Glance::Image
md-namespace-objects-delete gn
md-namespace-properties-delete gn
md-namespace-tags-delete gn
md-namespace-delete gn
stores-delete --store store2 {{two}}
image-delete {{one}} {{two}}
image-delete {{one}}
explain image-create
"""

COMMANDS: Final = (*_commands("openstack", OPENSTACK), *_commands("glance", GLANCE))
