/** The part of node-webcam 0.8 that is used here; the package brings no types. */
declare module 'node-webcam' {
  interface FSWebcam {
    /** The program its command lines start with. */
    bin: string;
    /** A shell command line that takes one picture; `-` is standard output. */
    generateSh(location: string): string;
    /** An error if what the program said means that there is no camera. */
    runCaptureValidations(said: string): Error | null;
  }
  interface FSWebcamOptions {
    readonly width: number;
    readonly height: number;
    readonly device: string;
    readonly output: 'jpeg';
    readonly quality: number;
    readonly saveShots: boolean;
    readonly verbose: boolean;
  }
  const NodeWebcam: { readonly FSWebcam: new (options: FSWebcamOptions) => FSWebcam };
  export = NodeWebcam;
}
