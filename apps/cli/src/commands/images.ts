/** verbena images, image push: the catalogue of guest images. */
import { create } from '@bufbuild/protobuf';
import { imagev1 } from '@verbena/contracts';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { collect } from '../pages.ts';
import { shortDigest } from '../terminal/digests.ts';
import type { Column } from '../terminal/table.ts';
import { age } from '../terminal/times.ts';
import { humanBytes } from '../terminal/units.ts';

function columns(now: Date): readonly Column<imagev1.Image>[] {
  return [
    { title: 'IMAGE', value: ({ name, version }) => `${name}:${version}`, least: 16 },
    { title: 'DIGEST', value: ({ digest }) => shortDigest(digest) },
    { title: 'SIZE', value: ({ sizeBytes }) => humanBytes(sizeBytes), align: 'right' },
    { title: 'OWNER', value: ({ owner }) => owner, least: 6 },
    { title: 'AGE', value: ({ createdAt }) => age(createdAt, now), align: 'right' },
  ];
}

async function list(context: CommandContext): Promise<void> {
  const client = (await context.session()).client(imagev1.ImageService);
  const images = await collect(async (page) => {
    const answer = await client.listImages(page);
    return { items: answer.images, next: answer.nextPageToken };
  });
  await context.printList({
    desc: imagev1.ListImagesResponseSchema,
    message: create(imagev1.ListImagesResponseSchema, { images }),
    rows: images,
    columns: columns(new Date()),
    empty: 'No images. "verbena image push prog.vmi" brings one in; so does every "verbena run".',
  });
}

async function push(context: CommandContext, path: string, options: { name?: string; label?: string[] }): Promise<void> {
  const [{ readImage, imageName }, { pushImage }, { parsePairs }] = await Promise.all([
    import('../run/read-image.ts'),
    import('../run/push-image.ts'),
    import('../run/run-options.ts'),
  ]);
  const image = await readImage(path, context.io.cwd);
  const pushed = await pushImage(await context.session(), image, {
    name: options.name ?? imageName(path),
    labels: parsePairs('--image-label', options.label ?? []),
  });
  if (!pushed.image) throw new CliError('the image-manager registered no image', exitCodes.internal);
  if (context.json) return context.printJson(imagev1.ImageSchema, pushed.image);
  const { name, version, digest } = pushed.image;
  const how = pushed.created ? `${humanBytes(pushed.bytesUploaded)} uploaded` : 'was there already';
  await context.line(`${name}:${version}  ${shortDigest(digest)}  ${how}`);
}

const collectValues = (value: string, before: string[] = []): string[] => [...before, value];

export function registerImages({ program, action }: Registry): void {
  example(
    program
      .command('images')
      .description('list guest images')
      .action(action((context) => list(context))),
    'verbena images',
  );
  const image = example(program.command('image').description('bring images into the catalogue'), 'verbena image push prog.vmi');
  example(
    image
      .command('push')
      .description('upload an image that "verbena cc" has built; only chunks that are missing travel')
      .argument('<file>', 'a .vmi file')
      .option('--name <name>', 'its name in the catalogue; the file name without extension otherwise')
      .option('--image-label <key=value>', 'a label that jobs can require (repeatable)', collectValues)
      .action(
        action((context, [path = ''], options: { name?: string; imageLabel?: string[] }) =>
          push(context, path, { ...options, ...(options.imageLabel ? { label: options.imageLabel } : {}) }),
        ),
      ),
    'verbena image push prog.vmi --name ep --image-label class=S',
  );
}
